"""Pretraining of a backbone on stored images; a better backbone is adopted."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from mltasks.models import BackboneRun, DatasetSnapshot, RegisteredModel
from mltasks.refusals import Refusal
from mltasks.runs import dispatch
from mltasks.runs.execution import Executor, Finish, use_passive_omp_waits
from mltasks.runs.lease import WAITING_STAGE, RunNotAvailable, log_line
from mltasks.snapshots.snapshots import local_samples
from mltasks.storage import object_store
from mltasks.training import backbone_choice
from mltasks.training.backbone_choice import PRETRAINABLE_BACKBONE, adopted_run, weights_reference
from mltasks.training.pretraining_images import ImageSelection, PretrainingImage, select_images
from mltasks.vision.pretrain.pretraining_config import PretrainingConfig
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.types import Progress, ProgressCallback, Sample

if TYPE_CHECKING:
    from mltasks.vision.pretrain.pretrain import PretrainedBackbone, PretrainingTask


class PretrainingRefused(Refusal):
    """Refusal of a pretraining run; the message says why."""


def start(
    model: RegisteredModel,
    images: Iterable[PretrainingImage],
    config: TrainConfig,
    pretraining_config: PretrainingConfig,
    *,
    snapshot: DatasetSnapshot | None,
    labels_missing: str = "",
    requested_by: User | None = None,
    enqueue: bool = True,
) -> BackboneRun:
    """Freeze the images and queue a pretraining run; dispatch it once the transaction commits.

    Without a ``snapshot`` nothing is measured or adopted; ``labels_missing`` says why. With ``enqueue`` False the
    caller executes the run at once. Raises PretrainingRefused without images, for another network than ResNet18, or
    while another pretraining run of the model is unfinished.
    """
    if config.backbone != PRETRAINABLE_BACKBONE:
        text = _("Only {pretrainable} can be pretrained, but the product's network is {network}.")
        raise PretrainingRefused(text.format(pretrainable=PRETRAINABLE_BACKBONE, network=config.backbone))
    selection = select_images(images, pretraining_config.images, pretraining_config.seed)
    _refuse_without_images(selection)
    duration = f"Usually this takes {pretraining_config.typical_duration} on two cores."
    log = log_line(f"Queued on {len(selection.images)} stored images. {duration} {labels_missing}".rstrip())
    if config.backbone_weights != "auto":
        named = f"The product's backbone_weights are {config.backbone_weights!r}"
        log += log_line(f"{named}: training runs use the pretrained backbone only if the setting is auto.")
    try:
        with transaction.atomic():
            run = BackboneRun.objects.create(
                model=model,
                snapshot=snapshot,
                config=_run_config(model, config, pretraining_config, len(selection.images)),
                pictures=[image.to_json() for image in selection.images],
                saw_labeled=selection.saw_labeled,
                labels_missing=labels_missing,
                requested_by=requested_by,
                stage=WAITING_STAGE,
                log=log,
            )
    except IntegrityError:
        text = _("A pretraining run for {product} is already in progress. Wait for it to finish, then start another.")
        raise PretrainingRefused(text.format(product=model.name)) from None
    if enqueue:
        dispatch.enqueue_on_commit(run)
    return run


def _refuse_without_images(selection: ImageSelection) -> None:
    """Raise PretrainingRefused without stored images, or if all of them are missing from disk."""
    if not selection.images:
        text = _("There are no stored images to pretrain on. Let stations send parts, or run import_images first.")
        raise PretrainingRefused(text)
    root = object_store.root()
    if not object_store.is_shared() and not any((root / image.name).is_file() for image in selection.images):
        text = _("No stored image is on disk below {root}. Restore the images from a backup, or correct MEDIA_ROOT.")
        raise PretrainingRefused(text.format(root=root))


def _run_config(
    model: RegisteredModel, config: TrainConfig, pretraining_config: PretrainingConfig, images: int
) -> dict[str, Any]:
    """Return the run's config with the weights in use, so that every attempt starts from them."""
    current = adopted_run(model)
    in_use = weights_reference(current) if current else ""
    return {"lesson": pretraining_config.to_json(), "train": config.to_json(), "current": in_use, "images": images}


def retry(run: BackboneRun, *, enqueue: bool = True) -> None:
    """Queue a failed pretraining run again; it continues from its last checkpoint.

    Raises RunNotAvailable unless the run failed, and while another pretraining run of the model is unfinished.
    """
    refusal = _("Pretraining run {number} cannot be retried: it did not fail.").format(number=run.pk)
    try:
        with transaction.atomic():
            dispatch.requeue(run, refusal, enqueue=enqueue)
    except IntegrityError:
        text = _("Another pretraining run of this model is in progress. Wait for it to finish, then retry this one.")
        raise RunNotAvailable(text) from None


class PretrainingExecutor(Executor[BackboneRun, "PretrainedBackbone", BackboneRun]):
    """Executor that pretrains a backbone, resuming killed attempts, and adopts a better one."""

    run_class = BackboneRun

    def compute(self, run: BackboneRun, progress: ProgressCallback) -> PretrainedBackbone:
        """Pretrain, compare, and publish the weights."""
        progress(Progress(0.0, "Loading the training libraries"))
        use_passive_omp_waits()
        from mltasks.vision.pretrain.pretrain import pretrain_backbone  # late: only a training process may load torch

        file = Path(settings.VERSIONS_DIR) / run.attempt_file
        images = ((name, sha256) for name, sha256, *_ in run.pictures)
        labeled: AbstractContextManager[list[Sample]] = local_samples(run.snapshot) if run.snapshot else nullcontext([])
        with object_store.local_images(images, object_store.RETRY_PAUSES) as root, labeled as samples:
            pretrained = pretrain_backbone(_task(run, root, samples), file, progress)
        object_store.publish(run.attempt_file, file)
        return pretrained

    def record(self, run: BackboneRun, computed: PretrainedBackbone, finish: Finish) -> BackboneRun:
        """Record the weights and, if they are better, adopt them."""
        judgement = computed.comparison
        adopt = judgement is not None and judgement.adopt
        unmeasured = f"Kept, but not measured and therefore not used. {run.labels_missing}".rstrip()
        text = judgement.explanation if judgement else unmeasured
        RegisteredModel.objects.select_for_update().get(pk=run.model_id)
        if adopt:
            BackboneRun.objects.adopted().filter(model=run.model_id).update(adopted=False)
        finish(
            text,
            stage=gettext_noop("In use") if adopt else gettext_noop("Not in use"),
            file=run.attempt_file,
            sha256=computed.sha256,
            card=computed.card,
            evaluation={**(judgement.to_json() if judgement else {}), "adopt": adopt, "words": text},
            adopted=adopt,
        )
        return run

    def describe(self, result: BackboneRun) -> str:
        """Return the hash of the weights."""
        return result.sha256

    def discard(self, run: BackboneRun) -> None:
        """Remove the attempt's file; the work folder stays for the next attempt."""
        path = Path(settings.VERSIONS_DIR) / run.attempt_file
        with contextlib.suppress(OSError):
            path.with_suffix(".json").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        object_store.unpublish(run.attempt_file)

    def clean_up(self, run: BackboneRun) -> None:
        """Remove the work folder."""
        shutil.rmtree(run.work_dir, ignore_errors=True)


def _task(run: BackboneRun, root: Path, samples: list[Sample]) -> PretrainingTask:
    """Return the pretraining task; ``root`` is the folder of the images."""
    from mltasks.vision.pretrain.pretrain import PretrainingTask, imagenet_is_cached

    current = backbone_choice.local_weights(run.config["current"])
    rivals = {"shipped": "shipped"}
    if imagenet_is_cached():
        rivals["imagenet"] = "imagenet"
    # The weights that a training would start from without this run are the ones to beat.
    incumbent = "current" if current else ("imagenet" if "imagenet" in rivals else "shipped")
    return PretrainingTask(
        images=[PretrainingImage.from_json(picture).as_plant_image(root) for picture in run.pictures],
        samples=samples,
        pretraining=PretrainingConfig.from_json(run.config["lesson"]),
        config=TrainConfig.from_json(run.config["train"]),
        start=current or "shipped",
        other_weights={"current": current, **rivals} if current else rivals,
        incumbent=incumbent,
        work_dir=run.work_dir,
    )
