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
from labeling.folder_import.image_folders import FolderNames
from labeling.folder_import.label_import import import_listing, list_folder
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
from tests.pictures.clock import move_into_past
from tests.pictures.plant import (
    MANAGER,
    REVIEWERS,
    Plant,
    build_plant,
    near_duplicate_parts,
    next_parts,
    scratched_parts,
)
from webapp.celery import app

Report = Callable[[str], None]
# How often each person sees it otherwise than the drawing has it.
_LAPSE_RATES = {"tomasz": 0.03, "mei": 0.05, "jonas": 0.12, MANAGER: 0.0}
_COMMENTS = (
    "Hairline, seen only from the left",
    "Same spot as this morning, check the ejector",
    "Second one from press-2",
)
_LEFT_WAITING = 9
LAST_COMMENT = "Does not wipe off: scrap"


def play(say: Report) -> None:
    """Tell the fortnight once; what it leaves in the databases is what the pictures show."""
    random.seed(14)
    say("People, products, a labeled set, and a line that has no model yet ...")
    plant = build_plant()
    _labeled_set(plant)
    _shift(plant, next_parts(3, 24), ("tomasz", "mei"))
    _shift(plant, next_parts(4, 16), ("mei", "jonas"))
    say("Training version 1 ...")
    _train(plant.product)
    _promote(plant, "First version: finds every scratch of the labeled set.")
    say("Shifts with version 1, and reviews of what it is unsure about ...")
    _shift(plant, next_parts(5, 40), ("tomasz", "jonas", "mei"), days=6)
    _corrections(plant)
    _shift(plant, next_parts(6, 40), ("mei", "tomasz", "jonas", MANAGER), days=4)
    _failed_run(plant.product)
    _set_gate(plant)
    say("Training version 2 ...")
    _train(plant.product)
    _shift(plant, next_parts(7, 40), ("mei", "tomasz"), days=0.2)
    say("Replaying history by version 2 ...")
    _replay(plant)
    say("Today ...")
    _morning(plant)
    _afternoon(plant)
    past_parts.add_past_parts(plant.product)


def _labeled_set(plant: Plant) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_image_folder(Path(folder), labeled_set(1, good=24, scratch=12, excess=12))
        listing = list_folder(plant.product, Path(folder), FolderNames())
        import_listing(plant.product, listing, reviewer=plant.people[MANAGER])
    move_into_past(hours=20)


def _shift(plant: Plant, parts: list[DrawnPart], people: tuple[str, ...], days: float = 1) -> None:
    """Parts come in, people look at all that wait for them, and some days pass."""
    for part in parts:
        plant.receive(part)
    _run_scheduled_tasks()
    while sum(_review(plant, plant.people[name], 6) for name in people):
        move_into_past(minutes=2)
    move_into_past(days=days)
    _run_scheduled_tasks()


def _review(plant: Plant, person: User, number: int) -> int:
    """A person judges up to ``number`` parts; returns how many."""
    done = 0
    while done < number and (claim := queue.claim(reviewer=person, product=plant.product)) is not None:
        seconds = random.lognormvariate(1.2, 0.5)
        move_into_past(seconds=seconds)
        done += 1
        verdict, kind = _answer(plant, claim.inspection, person)
        comment = _COMMENTS[done % 3] if kind and random.random() < 0.15 else ""
        review.resolve(claim, verdict=verdict, defect_type=kind, comment=comment, shown_seconds=0.8 * seconds)
    return done


def _answer(plant: Plant, part: Inspection, person: User) -> tuple[str, str]:
    verdict, kind = plant.true_verdict(part) if part.part_id else _as_labeled(part)
    if random.random() < _LAPSE_RATES[person.username]:
        return ("PASS", "") if verdict == "FAIL" and random.random() < 0.5 else ("FAIL", "scratch")
    return verdict, kind


def _as_labeled(part: Inspection) -> tuple[str, str]:
    label = review.standing_label(part)
    return (label.verdict, label.defect_type.name if label.defect_type else "") if label else ("PASS", "")


def _corrections(plant: Plant) -> None:
    """Three scratches are explained away, taken back and named; defect types get their examples."""
    boss, jonas = plant.people[MANAGER], plant.people["jonas"]
    scored = Inspection.objects.filter(product=plant.product, model_version__isnull=False)
    for part in plant.sorted_by_size(scored, PartKind.SCRATCH)[:3]:
        label = review.correct(part, by=jonas, verdict="PASS", comment="Wipes off")
        move_into_past(minutes=11)
        review.undo(label, by=boss)
        move_into_past(minutes=1)
        review.correct(part, by=boss, verdict="FAIL", defect_type="scratch", comment=LAST_COMMENT)
    for label in Label.objects.filter(defect_type__isnull=False).order_by("pk"):
        if label.defect_type and label.defect_type.examples.count() < 3:
            own = {"defect_type": label.defect_type, "inspection": label.inspection}
            DefectExample.objects.get_or_create(**own, defaults={"added_by": boss})


def _train(product: Product) -> None:
    call_command("retrain", product.slug, stdout=sys.stderr, stderr=sys.stderr)


def _promote(plant: Plant, reason: str) -> None:
    version = ModelVersion.objects.get(model=plant.product.registered_model)
    registry.promote(version, by=plant.people[MANAGER], reason=reason)
    move_into_past(hours=3)


def _failed_run(product: Product) -> None:
    """A night whose training a full disk ended."""
    run = retrain(product, trigger=TrainingRun.Trigger.NIGHTLY, enqueue=False)
    words = "The disk is full: 1.2 GB are free below var/versions, a version needs 2 GB. Free some and try again."
    TrainingRun.objects.filter(pk=run.pk).update(
        state="failed", attempt=3, progress=0.18, stage="Failed", error=words, started_at=run.created_at,
        finished_at=run.created_at, log="02:00:04 begun, attempt 3\n02:01:37 OSError: No space left on device\n",
    )  # fmt: skip
    move_into_past(hours=20)


def _set_gate(plant: Plant) -> None:
    """What no audit asks for twice."""
    product = plant.product
    product.gate_replay, product.gate_cost, product.gate_escapes = True, True, 2
    products.change(product, by=plant.people[MANAGER], reason="The audit wants a replay before a version scores.")
    move_into_past(hours=1)


def _replay(plant: Plant) -> None:
    """The newest version over the line's history, and from now on beside the champion."""
    version = ModelVersion.objects.get(model=plant.product.registered_model, number=2)
    for queued in Replay.objects.unfinished():  # a sweep was quicker
        execute(replay.ReplayExecutor(), queued)
    execute(replay.ReplayExecutor(), replay.start(version, by=plant.people[MANAGER], enqueue=False))
    shadow_scoring.start_challenge(version, by=plant.people[MANAGER])
    move_into_past(hours=9)


def _morning(plant: Plant) -> None:
    """Early shift: people look at almost all that waits."""
    for part in next_parts(8, 40):
        plant.receive(part)
    _run_scheduled_tasks()
    people = [plant.people[name] for name in REVIEWERS]
    while Inspection.objects.awaiting_review().filter(product=plant.product).count() > _LEFT_WAITING:
        if not sum(_review(plant, person, 3) for person in people):
            break


def _afternoon(plant: Plant) -> None:
    """Late shift: a look costs more than thought, so fewer parts wait; the best one to look at stands first."""
    plant.product.review_cost, plant.product.escape_promise = 0.5, 0.2
    products.change(plant.product, by=plant.people[REVIEWERS[0]], reason="Reviews take half an hour a shift.")
    for part in [*scratched_parts(15, 24), *next_parts(11, 40)]:
        plant.receive(part, every=20)
    with patch(
        "inspection.scoring.scoring._compute_outcome", side_effect=OSError("The version's graph could not be read.")
    ):
        plant.receive(next_parts(10, 1)[0], every=20)
    for part in next_parts(13, 12):
        plant.receive(part, every=20)
    _hinge_covers(plant)
    _run_scheduled_tasks()
    _rank_best_first(plant)


def _rank_best_first(plant: Plant) -> None:
    """The scratch that takes most of its part stands first in the queue; any defect, where no scratch waits."""
    waiting = Inspection.objects.awaiting_review().filter(product=plant.product, model_version__isnull=False)
    waiting = waiting.exclude(reasons__contains=[Reason.AUDIT_SAMPLE])  # judged blind: no map to show
    best = [*plant.sorted_by_size(waiting, PartKind.SCRATCH), *plant.sorted_by_size(waiting, *PartKind)][0]
    Inspection.objects.filter(pk=best.pk).update(queue_sort_key=best.received_at - timedelta(days=2))


def _hinge_covers(plant: Plant) -> None:
    """Another product, without a model: most are reviewed, and near-identical shots of one part wait."""
    stations, plant.stations = plant.stations, list(plant.hinge.stations.all())
    for part in next_parts(12, 8):
        plant.receive(part)
        claim = queue.claim(reviewer=plant.people["mei"], product=plant.hinge)
        assert claim is not None
        move_into_past(seconds=4)
        review.resolve(claim, verdict=plant.true_verdict(claim.inspection)[0])
    for part in near_duplicate_parts(15):
        plant.receive(part)
    plant.stations = stations


def _run_scheduled_tasks() -> None:
    """All that the workers do by the clock, at once; but for the nightly training, which would take a night."""
    app.loader.import_default_modules()
    for job in settings.CELERY_BEAT_SCHEDULE.values():
        if job["task"] != "labeling.tasks.nightly":
            app.tasks[job["task"]].apply(throw=True)
