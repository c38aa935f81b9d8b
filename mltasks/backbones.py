"""Which backbone a model's trainings start from: the one taught on its own images that proved better, if any."""

from __future__ import annotations

from dataclasses import replace

from mltasks.models import BackboneRun, RegisteredModel
from mltasks.vision.types import TrainConfig

BACKBONE = "resnet18"  # the only one that is taught


def adopted(model: RegisteredModel) -> BackboneRun | None:
    """The run whose backbone is in use."""
    return BackboneRun.objects.adopted().filter(model=model).light().first()


def weights_of(run: BackboneRun) -> str:
    """What ``load_backbone`` takes for it: the file and the hash that it must have, so that damage is refused."""
    return f"{run.path}#sha256={run.sha256}"


def resolve(model: RegisteredModel, config: TrainConfig) -> TrainConfig:
    """The config with ``auto`` weights replaced by the adopted backbone's file and hash, so that a run can be repeated
    whatever is adopted later. Unchanged where there is none, or where the config names its weights."""
    if config.backbone_weights != "auto" or config.backbone != BACKBONE:
        return config
    run = adopted(model)
    return replace(config, backbone_weights=weights_of(run)) if run else config
