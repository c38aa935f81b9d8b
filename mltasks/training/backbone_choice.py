"""Which backbone a model's trainings start from: the one taught on its own images that proved better, if any."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from django.conf import settings

from mltasks.models import BackboneRun, RegisteredModel
from mltasks.storage import object_store
from mltasks.storage.verified_fetch import fetch
from mltasks.vision.types import TrainConfig

# Between a path and the hash that its file must have
_HASH_SEPARATOR = "#sha256="
PRETRAINABLE_BACKBONE = "resnet18"  # the only one that is taught


def adopted_run(model: RegisteredModel) -> BackboneRun | None:
    """The run whose backbone is in use."""
    return BackboneRun.objects.adopted().filter(model=model).without_large_fields().first()


def weights_reference(run: BackboneRun) -> str:
    """What ``load_backbone`` takes for it: the file and the hash that it must have, so that damage is refused."""
    return f"{run.path}{_HASH_SEPARATOR}{run.sha256}"


def resolve_auto_weights(model: RegisteredModel, config: TrainConfig) -> TrainConfig:
    """The config with ``auto`` weights replaced by the adopted backbone's file and hash, so that a run can be repeated
    whatever is adopted later. Unchanged where there is none, or where the config names its weights."""
    if config.backbone_weights != "auto" or config.backbone != PRETRAINABLE_BACKBONE:
        return config
    run = adopted_run(model)
    return replace(config, backbone_weights=weights_reference(run)) if run else config


def with_local_weights(config: TrainConfig) -> TrainConfig:
    """The config with the file of a taught backbone as it lies on this machine. Raises as ``local_weights``."""
    return replace(config, backbone_weights=local_weights(config.backbone_weights))


def local_weights(weights: str) -> str:
    """What ``weights_reference`` said on another machine, for this one, which fetches the file where it lacks it.
    What names
    no taught backbone stays. Raises FileNotFoundError when the store has no such file, whole; and StoreAway.
    """
    if not object_store.is_shared() or _HASH_SEPARATOR not in weights:
        return weights
    path, sha256 = weights.rsplit(_HASH_SEPARATOR, 1)
    # Model, `backbones` and file, as `BackboneRun.file` says: each machine has a VERSIONS_DIR of its own.
    name = "/".join(Path(path).parts[-3:])
    here = Path(settings.VERSIONS_DIR) / name
    if not here.is_file():
        read = partial(object_store.version_bucket().read, name)
        with object_store.version_scratch_folder() as drafts:
            object_store.retry_while_unreachable(lambda: fetch(here, sha256, read, draft_dir=drafts, durable=True))
    return f"{here}{_HASH_SEPARATOR}{sha256}"


def publish(name: str) -> None:
    """Put the backbone of that name below VERSIONS_DIR into the store, before its row names it. Raises StoreAway after
    four minutes of trying."""
    if object_store.is_shared():
        object_store.publish(name, Path(settings.VERSIONS_DIR) / name)
