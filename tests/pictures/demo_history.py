"""What happened in the plant within a fortnight, told through the doors that people and cameras use."""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command

from inspection.models import Inspection, Product, Reason, Replay
from inspection.products import products
from inspection.promotion import shadow_scoring
from inspection.replay import replay
from labeling.datasets.retraining import retrain
from labeling.folder_import.label_import import import_images
from labeling.models import DefectExample, Label
from labeling.queue import queue
from labeling.review import review
from mltasks.models import ModelVersion, TrainingRun
from mltasks.registry import registry
from mltasks.runs.execution import execute
from mltasks.vision.drawing.draw_part import DrawnPart
from mltasks.vision.drawing.line import labeled_set, write_image_folder
from mltasks.vision.drawing.plates import PartKind
from tests.pictures import past_parts
from tests.pictures.clock import let_pass
from tests.pictures.plant import MANAGER, REVIEWERS, Plant, built, line, scratched, shots_of_one
from webapp.celery import app

Say = Callable[[str], None]
# How often each person sees it otherwise than the drawing has it.
_SLIPS = {"tomasz": 0.03, "mei": 0.05, "jonas": 0.12, MANAGER: 0.0}
_COMMENTS = (
    "Hairline, seen only from the left",
    "Same spot as this morning, check the ejector",
    "Second one from press-2",
)
_LEFT_WAITING = 9
LAST_WORD = "Does not wipe off: scrap"


def told(say: Say) -> None:
    """Tell the fortnight once; what it leaves in the databases is what the pictures show."""
    random.seed(14)
    say("People, products, a labeled set, and a line that has no model yet ...")
    plant = built()
    _labeled_set(plant)
    _shift(plant, line(3, 24), ("tomasz", "mei"))
    _shift(plant, line(4, 16), ("mei", "jonas"))
    say("Training version 1 ...")
    _trained(plant.product)
    _promoted(plant, "First version: finds every scratch of the labeled set, and the line waits for it.")
    say("Shifts with version 1, and reviews of what it is unsure about ...")
    _shift(plant, line(5, 40), ("tomasz", "jonas", "mei"), days=6)
    _second_thoughts(plant)
    _shift(plant, line(6, 40), ("mei", "tomasz", "jonas", MANAGER), days=4)
    _failed_run(plant.product)
    _gate(plant)
    say("Training version 2 ...")
    _trained(plant.product)
    _shift(plant, line(7, 40), ("mei", "tomasz"), days=0.2)
    say("Replaying history by version 2 ...")
    _replayed(plant)
    say("Today ...")
    _morning(plant)
    _afternoon(plant)
    past_parts.fill(plant.product)


def _labeled_set(plant: Plant) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_image_folder(Path(folder), labeled_set(1, good=24, scratch=12, excess=12))
        import_images(plant.product, Path(folder), reviewer=plant.people[MANAGER])
    let_pass(hours=20)


def _shift(plant: Plant, parts: list[DrawnPart], people: tuple[str, ...], days: float = 1) -> None:
    """Parts come in, people look at all that wait for them, and some days pass."""
    for part in parts:
        plant.receive(part)
    _beat()
    while sum(_reviewed(plant, plant.people[name], 6) for name in people):
        let_pass(minutes=2)
    let_pass(days=days)
    _beat()


def _reviewed(plant: Plant, person: User, number: int) -> int:
    """A person judges up to ``number`` parts; returns how many."""
    done = 0
    while done < number and (claim := queue.claim(reviewer=person, product=plant.product)) is not None:
        seconds = random.lognormvariate(1.2, 0.5)
        let_pass(seconds=seconds)
        done += 1
        verdict, kind = _said(plant, claim.inspection, person)
        comment = _COMMENTS[done % 3] if kind and random.random() < 0.15 else ""
        review.resolve(claim, verdict=verdict, defect_type=kind, comment=comment, shown_seconds=0.8 * seconds)
    return done


def _said(plant: Plant, part: Inspection, person: User) -> tuple[str, str]:
    verdict, kind = plant.seen(part) if part.part_id else _as_labeled(part)
    if random.random() < _SLIPS[person.username]:
        return ("PASS", "") if verdict == "FAIL" and random.random() < 0.5 else ("FAIL", "scratch")
    return verdict, kind


def _as_labeled(part: Inspection) -> tuple[str, str]:
    label = review.standing_label(part)
    return (label.verdict, label.defect_type.name if label.defect_type else "") if label else ("PASS", "")


def _second_thoughts(plant: Plant) -> None:
    """Three scratches are explained away, taken back and named; defect types get their examples."""
    boss, jonas = plant.people[MANAGER], plant.people["jonas"]
    scored = Inspection.objects.filter(product=plant.product, model_version__isnull=False)
    for part in plant.by_size(scored, PartKind.SCRATCH)[:3]:
        label = review.correct(part, by=jonas, verdict="PASS", comment="Wipes off")
        let_pass(minutes=11)
        review.undo(label, by=boss)
        let_pass(minutes=1)
        review.correct(part, by=boss, verdict="FAIL", defect_type="scratch", comment=LAST_WORD)
    for label in Label.objects.filter(defect_type__isnull=False).order_by("pk"):
        if label.defect_type and label.defect_type.examples.count() < 3:
            own = {"defect_type": label.defect_type, "inspection": label.inspection}
            DefectExample.objects.get_or_create(**own, defaults={"added_by": boss})


def _trained(product: Product) -> None:
    call_command("retrain", product.slug, stdout=sys.stderr, stderr=sys.stderr)


def _promoted(plant: Plant, reason: str) -> None:
    version = ModelVersion.objects.get(model=plant.product.registered_model)
    registry.promote(version, by=plant.people[MANAGER], reason=reason)
    let_pass(hours=3)


def _failed_run(product: Product) -> None:
    """A night whose training a full disk ended."""
    run = retrain(product, trigger=TrainingRun.Trigger.NIGHTLY, hint=False)
    words = "The disk is full: 1.2 GB are free below var/versions, a version needs 2 GB. Free some and try again."
    TrainingRun.objects.filter(pk=run.pk).update(
        state="failed", attempt=3, progress=0.18, stage="Failed", error=words, started_at=run.created_at,
        finished_at=run.created_at, log="02:00:04 begun, attempt 3\n02:01:37 OSError: No space left on device\n",
    )  # fmt: skip
    let_pass(hours=20)


def _gate(plant: Plant) -> None:
    """What no audit asks for twice."""
    product = plant.product
    product.gate_replay, product.gate_cost, product.gate_escapes = True, True, 2
    products.change(product, by=plant.people[MANAGER], reason="The audit wants a replay before a version scores.")
    let_pass(hours=1)


def _replayed(plant: Plant) -> None:
    """The newest version over the line's history, and from now on beside the champion."""
    version = ModelVersion.objects.get(model=plant.product.registered_model, number=2)
    for queued in Replay.objects.unfinished():  # a sweep was quicker
        execute(replay.ReplayExecutor(), queued)
    execute(replay.ReplayExecutor(), replay.start(version, by=plant.people[MANAGER], hint=False))
    shadow_scoring.challenge(version, by=plant.people[MANAGER])
    let_pass(hours=9)


def _morning(plant: Plant) -> None:
    """Early shift: people look at almost all that waits."""
    for part in line(8, 40):
        plant.receive(part)
    _beat()
    people = [plant.people[name] for name in REVIEWERS]
    while Inspection.objects.awaiting_review().filter(product=plant.product).count() > _LEFT_WAITING:
        if not sum(_reviewed(plant, person, 3) for person in people):
            break


def _afternoon(plant: Plant) -> None:
    """Late shift: a look costs more than thought, so fewer parts wait; the best one to look at stands first."""
    plant.product.review_cost, plant.product.escape_promise = 0.5, 0.2
    products.change(plant.product, by=plant.people[REVIEWERS[0]], reason="Looks cost half an hour a shift.")
    for part in [*scratched(15, 24), *line(11, 40)]:
        plant.receive(part, every=20)
    with patch("inspection.scoring.scoring._outcome", side_effect=OSError("The version's graph could not be read.")):
        plant.receive(line(10, 1)[0], every=20)
    for part in line(13, 12):
        plant.receive(part, every=20)
    _hinge_covers(plant)
    _beat()
    _best_first(plant)


def _best_first(plant: Plant) -> None:
    """The scratch that takes most of its part stands first in the queue; any defect, where no scratch waits."""
    waiting = Inspection.objects.awaiting_review().filter(product=plant.product, model_version__isnull=False)
    waiting = waiting.exclude(reasons__contains=[Reason.AUDIT_SAMPLE])  # judged blind: no map to show
    best = [*plant.by_size(waiting, PartKind.SCRATCH), *plant.by_size(waiting, *PartKind)][0]
    Inspection.objects.filter(pk=best.pk).update(queue_time=best.received_at - timedelta(days=2))


def _hinge_covers(plant: Plant) -> None:
    """Another product, without a model: most are reviewed, and near-identical shots of one part wait."""
    stations, plant.stations = plant.stations, list(plant.hinge.stations.all())
    for part in line(12, 8):
        plant.receive(part)
        claim = queue.claim(reviewer=plant.people["mei"], product=plant.hinge)
        assert claim is not None
        let_pass(seconds=4)
        review.resolve(claim, verdict=plant.seen(claim.inspection)[0])
    for part in shots_of_one(15):
        plant.receive(part)
    plant.stations = stations


def _beat() -> None:
    """All that the workers do by the clock, at once; but for the nightly training, which would take a night."""
    app.loader.import_default_modules()
    for job in settings.CELERY_BEAT_SCHEDULE.values():
        if job["task"] != "labeling.tasks.nightly":
            app.tasks[job["task"]].apply(throw=True)
