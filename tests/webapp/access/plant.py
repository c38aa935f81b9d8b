"""One row of everything that a route can be about: products, parts, labels, versions, runs and what the admin lists."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import User
from django.db.models import Model

from inspection.images.mask_files import store_mask
from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Inspection, PolicyChange, Product, Replay, ScoreMaps, Station
from inspection.products.products import create_product
from inspection.promotion import shadow_scoring
from inspection.replay import replay
from labeling.models import Claim, DefectType, Label, LabelUndo, Recheck, Skip
from labeling.queue import queue
from labeling.review import review
from mltasks.exchange import version_export
from mltasks.exchange.trust_store import trust
from mltasks.models import Approval, BackboneRun, ImportedVersion, ModelVersion, Verification, VerifyingRun
from mltasks.vision.serving.heatmaps import Heatmaps, encode_heatmaps
from mltasks.vision.types import InputSize, Placement
from tests.inspection.sample_images import jpeg
from tests.labeling.conftest import make_part
from tests.mltasks.export_archives import OtherPlant
from tests.webapp.access.senders import Sender, make_senders
from tests.webapp.access.table import PEOPLE
from tests.webapp.access.versions import make_version

STRANGER = "nobody-in-particular"


@dataclass
class Plant:
    """Rows and senders of one set-up; nothing that a request writes stays."""

    senders: dict[str, Sender]
    part: Inspection
    waiting: Inspection
    claims: dict[str, Claim]
    label: Label
    defect_types: tuple[DefectType, DefectType]
    candidate: ModelVersion
    pretraining_run: BackboneRun
    replay: Replay
    archive: bytes
    other_plant: OtherPlant

    def claim(self, sender: str) -> Claim:
        """Return the sender's own claim; strangers and stations try the reviewer's."""
        return self.claims.get(sender, self.claims["reviewer"])


def make_plant() -> Plant:
    """Make all rows: versions 1 (retired), 2 (champion) and 3 (candidate) of `plate`, and a second product, `tile`."""
    product, tile = create_product("plate", name="Plate"), create_product("tile", name="Tile")
    Product.objects.update(second_share=0, repeat_share=0)
    Product.objects.update(gate_champion_recall=False, gate_cost=False, gate_replay=False)
    product.refresh_from_db()
    own = Station.objects.create(product=product, name="line-1")
    senders = make_senders(own, Station.objects.create(product=tile, name="line-9"))
    stored = intake.receive(Submission(io.BytesIO(jpeg()), product, own))
    _first, champion, candidate = (make_version(product, champion=number < 3) for number in (1, 2, 3))
    part = _scored(stored, champion)
    parts = [make_part(product) for _ in range(7)]
    kinds = tuple(DefectType.objects.create(product=product, name=name) for name in ("scratch", "excess"))
    claims = {
        name: queue.claim_part(part, reviewer=_user_of(senders, name))
        for name, part in zip(PEOPLE, parts, strict=False)
    }
    mask = store_mask(jpeg())  # no reader of this plant looks at its pixels
    reviewer = _user_of(senders, "reviewer")
    label = review.overrule(
        part, verdict="FAIL", defect_type=kinds[0], reason="with a mask", by=reviewer, mask_sha256=mask
    )
    north, archive = OtherPlant(), io.BytesIO()
    version_export.export(candidate, archive, by=None)
    failed = replay.start(candidate, enqueue=False)
    Replay.objects.filter(pk=failed.pk).update(state="failed")
    lesson = BackboneRun.objects.create(model=product.registered_model, state="failed")
    shadow_scoring.start_challenge(candidate, by=None)
    plant = Plant(
        senders,
        part,
        parts[4],
        claims,
        label,
        (kinds[0], kinds[1]),
        candidate,
        lesson,
        failed,
        archive.getvalue(),
        north,
    )
    _rows_of_the_admin(plant, champion, parts[5:])
    return plant


def _user_of(senders: dict[str, Sender], name: str) -> User:
    user = senders[name].user
    assert user is not None
    return user


def _scored(stored: Inspection, version: ModelVersion) -> Inspection:
    """Make a part of the same image that the version scored, with its maps."""
    image = {
        field: getattr(stored, f"image_{field}") for field in ("name", "sha256", "format", "width", "height", "bytes")
    }
    named = {f"image_{field}": value for field, value in image.items()}
    part = make_part(stored.product, station=stored.station, model_version=version, defect_probability=0.5, **named)
    nothing, size = np.zeros((4, 4), np.float32), InputSize(64, 64)
    ScoreMaps.objects.create(
        inspection=part, packed=encode_heatmaps(Heatmaps(nothing, nothing), Placement(0, 0, 64, 64), size)
    )
    return part


def _rows_of_the_admin(plant: Plant, version: ModelVersion, parts: list[Inspection]) -> None:
    """One row of each model that nothing above made."""
    boss = _user_of(plant.senders, "admin")
    labels = [Label.objects.create(inspection=part, verdict="PASS", source="review", reviewer=boss) for part in parts]
    LabelUndo.objects.create(label=labels[0], by=boss)
    Recheck.objects.create(inspection=parts[1], label=labels[1], given="PASS", reason="second")
    closed = Claim.objects.create(inspection=parts[0], reviewer=boss, **_lease_times(plant))
    Skip.objects.create(claim=closed, inspection=parts[0], reviewer=boss, reason="other")
    held = queue.claim_part(plant.waiting, reviewer=boss)
    review.resolve(held, verdict="PASS")
    Approval.objects.create(version=version, by=boss, reason="I looked at it.")
    Verification.objects.create(version=version, holds=True, learned_again=False, findings=[], by=boss)
    VerifyingRun.objects.create(version=version, state="failed")
    _trust_south(boss)
    origin = {"sha256": "0" * 64, "plant": "South", "fingerprint": "0" * 64, "public_key": "", "signature": b""}
    ImportedVersion.objects.create(version=version, model=version.model, document="{}", product="x", number=1, **origin)
    sent = {
        "user_agent": "-",
        "ip_address": "192.0.2.9",
        "username": STRANGER,
        "http_accept": "-",
        "path_info": "/login/",
    }
    AccessAttempt.objects.create(failures_since_start=1, **sent)
    AccessLog.objects.create(**sent)
    AccessFailureLog.objects.create(**sent)
    assert PolicyChange.objects.exists()


def _trust_south(boss: User) -> None:
    south = OtherPlant()
    trust("South", south.public_key.encode(), south.fingerprint, by=boss)


def _lease_times(plant: Plant) -> dict[str, Any]:
    other = plant.claims["reviewer"]
    return {"created_at": other.created_at, "expires_at": other.expires_at, "closed_at": other.created_at}


def first_of(model: type[Model]) -> Any:
    """Return the key of the newest row of a model."""
    return model._default_manager.order_by("pk").values_list("pk", flat=True).last()
