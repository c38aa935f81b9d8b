"""Every page of ours, by name: add yours here, and what holds for all pages is checked on it.

A page's name is its URL name, and after a colon which of its looks it is.
"""

from __future__ import annotations

ADDRESSES = {
    "dashboard": "/",
    "password": "/password/",
    "review": "/review/",
    "review-plain": "/review/plain/",
    "history": "/inspections/",
    "history:sheet": "/inspections/?look=sheet",
    "history:none": "/inspections/?q=no-such-part",
    "part": "/inspections/{part}/",
    "defect-types": "/defect-types/",
    "defect-type": "/defect-types/{kind}/",
    "defect-type-merge": "/defect-types/{kind}/merge/?into={other_kind}",
    "reviewers": "/reviewers/",
    "models": "/models/",
    "run": "/models/run-{run}/",
    "run:running": "/models/run-{running_run}/",
    "run:failed": "/models/run-{failed_run}/",
    "backbone": "/models/backbone-{lesson}/",
    "version": "/models/plate/1/",
    "version:doubts": "/models/plate/3/",
    "model-card": "/models/plate/1/card/",
    "snapshot": "/models/plate/snapshot-1/",
    "version-promotion": "/models/plate/2/promote/",
    "version:champion": "/models/plate/4/",
    "version-roll-back": "/models/plate/1/roll-back/",
    "version-import": "/models/plate/import/",
    "version-replay": "/models/plate/2/replay/",
    "version-replay:done": "/models/plate/3/replay/",
    "version-challenger": "/models/plate/2/challenger/",
    "version-challenger:never": "/models/plate/1/challenger/",
    "model-record": "/models/plate/record/",
    "model-holdout": "/models/plate/holdout/",
    "compare": "/models/plate/compare/?v=1&v=2&v=3",
    "compare:choose": "/models/plate/compare/?v=1",
}
# What a new installation answers before there is any product.
NEED_NO_PRODUCT = ("/", "/review/", "/review/plain/", "/inspections/", "/defect-types/", "/reviewers/", "/models/")

# URL names that are no page of ours for everybody who is logged in, and why.
NO_PAGES = {
    **dict.fromkeys(("dashboard-facts", "dashboard-lines", "dashboard-days"), "a part of the dashboard"),
    **dict.fromkeys(("review-next", "review-held", "review-release", "review-undo"), "asked by the workbench"),
    **dict.fromkeys(("review-alike", "review-references"), "asked by the workbench"),
    **dict.fromkeys(("defect-type-add", "defect-type-examples", "part-score"), "a form's target, POST only"),
    **dict.fromkeys(("run-live", "backbone-live", "model-rows", "verification-live"), "a part of a page, for htmx"),
    **dict.fromkeys(("inspect", "part-correct", "part-undo", "retrain", "pretrain"), "a form's target, POST only"),
    **dict.fromkeys(("run-retry", "backbone-retry", "theme", "logout"), "a form's target, POST only"),
    **dict.fromkeys(("version-approval", "replay-start"), "a form's target, POST only"),
    **dict.fromkeys(("replay-retry", "challenger-start", "challenger-end"), "a form's target, POST only"),
    **dict.fromkeys(("replay-live", "challenger-live"), "a part of a page, for htmx"),
    "verification-start": "a form's target, POST only",
    **dict.fromkeys(("version-export", "plant-key", "part-mask"), "a file"),
    "snapshot-manifest": "a file to download",
    **dict.fromkeys(("healthz", "readyz", "metrics"), "for machines"),
    **dict.fromkeys(("predict", "schema"), "for machines"),
    "docs": "Swagger's own page",
    "login": "for strangers: test_accessibility looks at it without a person",
}
# Trees of addresses: REST answers JSON; the admin is a library's, and test_admin_pages.py looks at it.
NO_PAGES_BELOW = ("api/v1/", "admin/")
