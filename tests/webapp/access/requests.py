"""Requests of the access tables: where a route's parameters point, and the full form that each method sends."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.urls import reverse
from rest_framework.authtoken.models import TokenProxy

from inspection.models import Station, StationKey
from labeling.models import DefectType
from mltasks.models import ModelVersion
from tests.inspection.sample_images import jpeg
from tests.webapp.access.plant import Plant, first_of
from tests.webapp.access.routes import Route
from tests.webapp.access.senders import PASSWORD, Sender
from tests.webapp.access.versions import PICTURE_NAME

Form = Callable[[Plant, Sender], dict[str, Any]]
NEW_PASSWORD = "another-long-password-of-the-test"
_ADMIN_OBJECT = re.compile(r"admin[:/](?P<app>[a-z]+)[_/](?P<model>[a-z]+)[_/]")
# The newest version is the candidate; these routes are about a former champion, or take another product's place.
_RETIRED = {"version-roll-back", "version-rollback"}
_JSON = "application/json"
# The answer to the admin's question.
_DELETION = {"post": "yes"}


def send(plant: Plant, sender: Sender, method: str, route: Route) -> HttpResponse:
    """Send one request with its full form and return the answer."""
    rest = route.pattern.startswith(("api/", "predict"))
    client = sender.client(rest=rest)
    form = FORMS.get((method, route.name))
    data = form(plant, sender) if form else _DELETION if route.name.endswith("_delete") else {}
    address = address_of(plant, sender, method, route)
    as_json = rest and not any(isinstance(value, SimpleUploadedFile) for value in data.values())
    options = {"content_type": _JSON} if as_json and method != "GET" else {}
    answer: HttpResponse = getattr(client, method.lower())(address, data, **options)
    return answer


def address_of(plant: Plant, sender: Sender, method: str, route: Route) -> str:
    """Return the address of a route with every parameter filled in."""
    values = {name: _value(plant, sender, method, route, name) for name in route.parameters}
    if route.name != route.pattern:
        return reverse(route.name, kwargs=values)
    return "/" + re.sub(
        r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>.*\)\$?", lambda hit: str(values[hit[1] or hit[2]]), route.pattern
    )


def _value(plant: Plant, sender: Sender, method: str, route: Route, name: str) -> Any:
    if name == "number" and route.name.startswith("snapshot"):
        return 1
    if name == "number":
        return 1 if route.name in _RETIRED else plant.candidate.number
    if name == "model" and (method, route.name) == ("POST", "version-import"):
        return "tile"
    if name == "key":
        return plant.defect_types[1].pk if route.name.startswith("defect-type") else plant.part.pk
    if name in ("pk", "object_id", "id"):
        return _row(plant, route)
    rows = {"inspection": plant.part.pk, "inspection_id": plant.part.pk, "label_id": plant.label.pk}
    return ({**_VALUES, **rows, "claim": plant.claim(sender.name).pk})[name]


_VALUES: dict[str, Any] = {
    "product": "plate",
    "model": "plate",
    "form": "csv",
    "path": PICTURE_NAME,
    "rest": "no-such-address",
    "url": "no-such-address",
    "app_label": "labeling",
    "content_type_id": 1,
}


def _row(plant: Plant, route: Route) -> Any:
    """Return the key of the row that a page is about: an own one where several could be."""
    if route.name.startswith("backbone"):
        return plant.pretraining_run.pk
    if route.name == "replay-retry":
        return plant.replay.pk
    if route.name.startswith(("run", "admin:mltasks_trainingrun")):
        return plant.candidate.run_id
    target = _ADMIN_OBJECT.match(route.name)
    if target is None or route.name == "admin:view_on_site":
        return 1
    model: Any = apps.get_model(target["app"], target["model"])
    if model.__name__ in ("User", "TokenProxy"):
        user = plant.senders["no-group"].user
        return user.pk if user else None
    if model is DefectType:
        return plant.defect_types[1].pk
    if model is ModelVersion:
        number = 1 if route.name.endswith("roll_back") else plant.candidate.number
        return ModelVersion.objects.get(model=plant.candidate.model, number=number).pk
    return first_of(model)


def _constant_form(**fields: Any) -> Form:
    return lambda _plant, _sender: dict(fields)


def _photo(name: str, **fields: Any) -> Form:
    return lambda _plant, _sender: {name: SimpleUploadedFile("part.jpg", jpeg(99), "image/jpeg"), **fields}


def _own_claim(**fields: Any) -> Form:
    return lambda plant, sender: {"claim": str(plant.claim(sender.name).pk), "product": "plate", **fields}


def _chosen(action: str, model: Any) -> Form:
    return lambda _plant, _sender: {"action": action, "_selected_action": [str(first_of(model))], "post": "yes"}


def _north(plant: Plant, sender: Sender) -> dict[str, Any]:
    return {"name": "North", "public_key": plant.other_plant.public_key, "fingerprint": plant.other_plant.fingerprint}


def _archive(plant: Plant, sender: Sender) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("plate-3.slv", plant.archive)}


_REASON = _constant_form(reason="I looked at its report.", champion=2, over=2, override="")
_LABEL = _constant_form(verdict="PASS", defect_type="", comment="")
_NO_KEYS = {"keys-TOTAL_FORMS": "0", "keys-INITIAL_FORMS": "0", "roi": ""}
_PASSWORDS = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
_OWN_PASSWORD = _constant_form(old_password=PASSWORD, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
_PRODUCT = {
    "name": "Panel", "slug": "panel", "retrain_at": "02:00", "training_settings": "{}", "fn_cost": "5", "fp_cost": "1",
    "review_cost": "0.2", "audit_share": "0.01", "fail_audit_share": "0.01", "holdout_share": "0.2", "gate_labels": "0",
    "second_share": "0", "repeat_share": "0", "escape_promise": "0.05", "escape_confidence": "0.95",
    "deadline_action": "late", "fast_path_leak": "0.01",
    "pick_strategy": "expected_cost", "reason": "A recall.",
}  # fmt: skip

FORMS: dict[tuple[str, str], Form] = {
    ("GET", "dashboard-facts"): _constant_form(of="plate"),
    ("GET", "dashboard-lines"): _constant_form(of="plate"),
    ("GET", "dashboard-days"): _constant_form(of="plate"),
    ("GET", "compare"): _constant_form(v=["1", "2"]),
    ("GET", "defect-type-merge"): lambda plant, _sender: {"into": plant.defect_types[0].pk},
    ("GET", "inspection-overlay"): _constant_form(kind="anomaly"),
    ("POST", "inspect"): _photo("photo", of="plate"),
    ("POST", "login"): _constant_form(username="reviewer", password=PASSWORD),
    ("POST", "theme"): _constant_form(theme="light"),
    ("POST", "review-next"): _constant_form(product="plate"),
    ("POST", "review-held"): _own_claim(),
    ("POST", "review-release"): _own_claim(),
    ("POST", "review-alike"): _own_claim(),
    ("POST", "review-plain"): _own_claim(verdict="PASS"),
    ("POST", "review-undo"): lambda plant, _sender: {"label": plant.label.pk},
    ("POST", "defect-type"): _constant_form(name="excess-material", key="4", colour="#D55E00"),
    ("POST", "defect-type-examples"): lambda plant, _sender: {"add": str(plant.part.pk)},
    ("POST", "defect-type-merge"): lambda plant, _sender: {"into": plant.defect_types[0].pk},
    ("POST", "defect-type-add"): _constant_form(name="dent", key="5", colour="#D55E00"),
    ("POST", "part-correct"): _LABEL,
    ("POST", "part-undo"): lambda plant, _sender: {"label": plant.label.pk},
    ("POST", "replay-start"): _constant_form(days=7, most=100),
    ("POST", "challenger-start"): _constant_form(share=50),
    ("POST", "version-import"): _archive,
    ("POST", "version-promotion"): _REASON,
    ("POST", "version-approval"): _REASON,
    ("POST", "version-roll-back"): _REASON,
    ("POST", "verification-start"): _constant_form(hashes_only="on"),
    ("POST", "predict"): _photo("file"),
    ("POST", "inspections"): _photo("file"),
    ("POST", "inspections-batch"): _photo("file"),
    ("POST", "queue-claim"): _constant_form(product="plate"),
    ("POST", "queue-verdict"): _LABEL,
    ("POST", "queue-skip"): _constant_form(reason="other"),
    ("POST", "inspection-label"): _LABEL,
    ("POST", "version-promote"): _constant_form(reason="I looked at its report."),
    ("POST", "version-approve"): _constant_form(reason="I looked at its report."),
    ("POST", "version-rollback"): _constant_form(reason="It lets scratches pass."),
    ("POST", "version-verify"): _constant_form(hashes_only=True),
    ("POST", "admin:login"): _constant_form(username="admin", password=PASSWORD),
    ("POST", "admin:password_change"): _OWN_PASSWORD,
    ("POST", "password"): _OWN_PASSWORD,
    ("POST", "admin:auth_user_password_change"): _constant_form(**_PASSWORDS),
    ("POST", "admin:auth_user_add"): _constant_form(username="eva", **_PASSWORDS),
    ("POST", "admin:auth_user_change"): _constant_form(username="no-group", is_active="on", is_staff="on", groups=[]),
    ("POST", "admin:auth_group_add"): _constant_form(name="night shift"),
    ("POST", "admin:auth_group_change"): _constant_form(name="night shift"),
    ("POST", "admin:authtoken_tokenproxy_add"): lambda _plant, _sender: {"user": first_of(TokenProxy)},
    ("POST", "admin:mltasks_modelversion_promote"): _REASON,
    ("POST", "admin:mltasks_modelversion_roll_back"): _REASON,
    ("POST", "admin:mltasks_trustedplant_add"): _north,
    ("POST", "admin:inspection_product_add"): _constant_form(**_PRODUCT),
    ("POST", "admin:inspection_product_change"): _constant_form(**_PRODUCT),
    ("POST", "admin:inspection_station_add"): lambda plant, _sender: {
        **_NO_KEYS,
        "product": plant.part.product_id,
        "name": "line-5",
    },
    ("POST", "admin:inspection_station_change"): _constant_form(**_NO_KEYS, urgent="on"),
    ("POST", "admin:inspection_station_changelist"): _chosen("issue_keys", Station),
    ("POST", "admin:inspection_stationkey_changelist"): lambda _plant, _sender: {
        "action": "revoke",
        "_selected_action": [str(key.pk) for key in StationKey.objects.filter(revoked=False)],
    },
    ("POST", "admin:labeling_defecttype_add"): lambda plant, _sender: {
        "product": plant.part.product_id,
        "name": "dent",
        "key": "5",
        "colour": "",
    },
    ("POST", "admin:labeling_defecttype_change"): _constant_form(name="excess-material", key="4", colour=""),
    ("POST", "admin:labeling_label_changelist"): lambda plant, _sender: {
        "action": "take_back",
        "_selected_action": [str(plant.label.pk)],
    },
    ("POST", "admin:labeling_claim_changelist"): lambda plant, _sender: {
        "action": "release",
        "_selected_action": [str(plant.claims["reviewer"].pk)],
    },
}
