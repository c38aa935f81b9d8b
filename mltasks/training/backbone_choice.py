"""Choice of the backbone that a model's trainings start from: the adopted one, if any."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from django.conf import settings

from mltasks.models import BackboneRun, RegisteredModel
from mltasks.storage import object_store
from mltasks.storage.file_cache import fetch
from mltasks.vision.train_config import TrainConfig

# Separates a path from the hash that its file must have.
_HASH_SEPARATOR = "#sha256="
PRETRAINABLE_BACKBONE = "resnet18"  # the only network that can be pretrained


def adopted_run(model: RegisteredModel) -> BackboneRun | None:
    """Return the pretraining run whose backbone is in use."""
    return BackboneRun.objects.adopted().filter(model=model).without_large_fields().first()


def weights_reference(run: BackboneRun) -> str:
    """Return the argument of ``load_backbone`` for a run: file and required hash."""
    return f"{run.path}{_HASH_SEPARATOR}{run.sha256}"


def resolve_auto_weights(model: RegisteredModel, config: TrainConfig) -> TrainConfig:
    """Return the config with ``auto`` weights replaced by the adopted backbone's file and hash.

    So a run can be repeated even if another backbone is adopted later. The config is unchanged without an adopted
    backbone or if it names its weights.
    """
    if config.backbone_weights != "auto" or config.backbone != PRETRAINABLE_BACKBONE:
        return config
    run = adopted_run(model)
    return replace(config, backbone_weights=weights_reference(run)) if run else config


def with_local_weights(config: TrainConfig) -> TrainConfig:
    """Return the config with a pretrained backbone's path on this machine.

    Raises as ``local_weights`` does.
    """
    return replace(config, backbone_weights=local_weights(config.backbone_weights))


def local_weights(weights: str) -> str:
    """Translate another machine's ``weights_reference`` to this machine; fetch a missing file.

    Values that name no pretrained backbone are returned unchanged. Raises FileNotFoundError if the store has no such
    undamaged file, and StoreUnreachable.
    """
    if not object_store.is_shared() or _HASH_SEPARATOR not in weights:
        return weights
    path, sha256 = weights.rsplit(_HASH_SEPARATOR, 1)
    # Model, `backbones` and file, as in `BackboneRun.file`: VERSIONS_DIR differs between machines.
    name = "/".join(Path(path).parts[-3:])
    target = Path(settings.VERSIONS_DIR) / name
    if not target.is_file():
        read = partial(object_store.version_bucket().read, name)
        with object_store.version_scratch_folder() as drafts:
            object_store.retry_while_unreachable(lambda: fetch(target, sha256, read, draft_dir=drafts, durable=True))
    return f"{target}{_HASH_SEPARATOR}{sha256}"
