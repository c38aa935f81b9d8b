"""The pages of the gallery: one line each. Add yours, and `make screenshots` takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.urls import get_resolver
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from labeling.models import Label
from mltasks.models import ModelVersion, TrainingRun
from tests.pictures.demo_history import LAST_COMMENT
from tests.pictures.plant import HINGE, MANAGER, PRODUCT

REVIEWER = "tomasz"
Steps = Callable[[Tab], None]
_MATCHES = "state => document.getElementById('workbench').matches(state)"


@dataclass(frozen=True)
class Page:
    """A page's ``name``, its ``address`` (with the places of `places`), the sentence that says what it is ``good_for``,
    who looks, and the ``steps`` to what is shown. One whose URL name ``when`` is not there yet is passed over."""

    name: str
    address: str
    good_for: str
    who: str = MANAGER
    steps: Steps | None = None
    theme: str = "dark"
    when: str = ""

    @property
    def is_there(self) -> bool:
        """Whether the project has this page."""
        return not self.when or self.when in get_resolver().reverse_dict


def show_part(tab: Tab, key: str = "") -> None:
    """The workbench with its part and what it is compared with, and a key pressed."""
    expect(tab.locator("#workbench[data-ready]")).to_be_visible()
    expect(tab.locator(".references > *")).to_be_visible()
    if key:
        tab.keyboard.press(key)
    if key == "h":
        expect(tab.locator(".overlay.shown")).to_have_count(2)
        tab.wait_for_function("() => [...document.querySelectorAll('.overlay')].every(one => one.naturalWidth > 0)")


def skip_all(tab: Tab) -> None:
    """All that waits passes, until nothing does."""
    bench, settled = tab.locator("#workbench"), "[data-state=part][data-ready], [data-state=empty]"
    tab.wait_for_function(_MATCHES, arg=settled)
    while bench.get_attribute("data-state") == "part":
        tab.keyboard.press("p")
        tab.wait_for_function(_MATCHES, arg=settled)
    expect(tab.locator("#unsaved")).to_be_hidden()
    expect(tab.locator("#say")).to_be_empty()  # the words on the last verdict go by themselves


def show_group(tab: Tab) -> None:
    """Near-identical parts side by side."""
    expect(tab.locator("#workbench[data-ready]")).to_be_visible()
    expect(tab.locator("#similar")).to_be_visible()
    tab.keyboard.press("g")
    expect(tab.locator(".similar")).to_be_visible()
    tab.wait_for_function("() => [...document.querySelectorAll('.similar img')].every(one => one.naturalWidth > 0)")


def show_heatmap(tab: Tab) -> None:
    """The part's page with its heatmap over it, and similar parts."""
    tab.locator("[data-shows]").first.click()
    expect(tab.locator(".likes, .similar-none")).to_be_visible()
    expect(tab.locator(".heatmap.shown")).to_be_visible()
    tab.wait_for_function("() => document.querySelector('.heatmap.shown').naturalWidth > 0")


overlay = partial(show_part, key="h")

PAGES = (
    Page("login", "/login/", "Login with user name and password.", who=""),
    Page("password", "/password/", "A person's own password. A change ends all other sessions.", REVIEWER),
    Page("dashboard", "/", "Today's parts, the queue, the champion, the next training and the last 14 days."),
    Page("dashboard-light", "/", "The dashboard in the light theme.", theme="light"),
    Page("review", "/review/", "One part, the model's scores, and one key for each verdict.", REVIEWER, overlay),
    Page("review-light", "/review/", "The workbench in the light theme.", REVIEWER, show_part, "light"),
    Page("review-group", f"/review/?product={HINGE}", "Similar parts, labeled with one key.", "jonas", show_group),
    Page("review-done", f"/review/?product={HINGE}", "The end of the queue.", "mei", skip_all),
    Page("review-plain", "/review/plain/", "The same review for browsers without scripts.", "jonas"),
    Page("inspections", "/inspections/", "All parts, newest first, with filters in one line."),
    Page("contact-sheet", "/inspections/?look=sheet&verdict=FAIL", "The same list as images: parts that failed."),
    Page("part", "/inspections/{part}/", "One part: scores, timeline and lineage.", steps=show_heatmap),
    Page("reviewers", "/reviewers/", "Agreement between reviewers, and with themselves.", when="reviewers"),
    Page("defect-types", "/defect-types/", "Defect types with keys and examples.", when="defect-types"),
    Page("models", "/models/", "All versions of a product's model, and its training runs."),
    Page("version", f"/models/{PRODUCT}/2/", "A version's report: a summary in one sentence, then the figures."),
    Page("model-card", f"/models/{PRODUCT}/2/card/", "A version on one sheet: its purpose, data and quality."),
    Page("snapshot", f"/models/{PRODUCT}/snapshot-1/", "The dataset snapshot of a version, image by image."),
    Page("compare", f"/models/{PRODUCT}/compare/?v=1&v=2", "Versions side by side, down to single parts."),
    Page("replay", f"/models/{PRODUCT}/2/replay/", "Stored parts scored by a candidate: which verdicts change."),
    Page("challenger", f"/models/{PRODUCT}/2/challenger/", "A candidate scores live parts in shadow."),
    Page("promotion", f"/models/{PRODUCT}/2/promote/", "Promotion gate, changes, and what was not measured."),
    Page("holdout", f"/models/{PRODUCT}/holdout/", "Every version on the parts that no version was trained on."),
    Page("audit-log", f"/models/{PRODUCT}/record/", "Decisions on versions, costs and policy: person, time, reason."),
    Page("import", f"/models/{PRODUCT}/import/", "Import of a version that a trusted plant signed."),
    Page("run", "/models/run-{run}/", "A training run: live progress, curves and log."),
    Page("admin", "/admin/", "The admin site, for people with staff status."),
    Page("admin-labels", "/admin/labeling/label/", "Labels as they were given; they are append-only."),
)  # fmt: skip


def places() -> dict[str, object]:
    """What stands in the addresses: a part with a rich life, and the run that made the newest version."""
    return {
        "part": Label.objects.filter(comment=LAST_COMMENT).earliest("pk").inspection_id,
        "run": TrainingRun.objects.get(version=ModelVersion.objects.get(model__name=PRODUCT, number=2)).pk,
    }
