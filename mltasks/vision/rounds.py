"""One round of training: a classifier and an autoencoder from the same parts, asked about parts they never saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from mltasks.vision.autoencoder import Autoencoder
from mltasks.vision.classifier import Classifier, Trunk
from mltasks.vision.fit_autoencoder import Errors, errors_of, train_autoencoder
from mltasks.vision.fit_classifier import Epoch, logits_of, train_head
from mltasks.vision.progress import Stage
from mltasks.vision.trunk_views import Material
from mltasks.vision.types import GOOD

# The classifier's share of a round's time
CLASSIFIER_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Lesson:
    """What all rounds of a run share: the material, the frozen trunk and the last stage to start from."""

    material: Material
    trunk: Trunk
    layer4: nn.Module


@dataclass(frozen=True, slots=True)
class Round:
    """Both networks, their training curves, and what they say of the held-out indices, in that order."""

    classifier: Classifier
    autoencoder: Autoencoder
    held_out: list[int]
    logits: list[float]
    errors: list[Errors]
    curve: list[Epoch]
    best_epoch: int
    autoencoder_curve: list[float]


def train_round(
    lesson: Lesson, train: Sequence[int], validation: Sequence[int], held_out: Sequence[int], seed: int, stage: Stage
) -> Round:
    """Train the classifier on ``train``, stopped early by ``validation``, and the autoencoder on the good parts of
    ``train``; then ask both about ``held_out``."""
    material = lesson.material
    head = train_head(lesson.layer4, material, train, validation, seed, stage.part(0, CLASSIFIER_SHARE))
    good = [index for index in train if material.targets[index] == GOOD]
    novelty = train_autoencoder(material, good, seed, stage.part(CLASSIFIER_SHARE, 1))
    return Round(
        classifier=Classifier(lesson.trunk, head.head).eval(),
        autoencoder=novelty.autoencoder,
        held_out=list(held_out),
        logits=logits_of(head.head, material, held_out),
        errors=errors_of(novelty.autoencoder, material, held_out),
        curve=head.curve,
        best_epoch=head.best_epoch,
        autoencoder_curve=novelty.curve,
    )
