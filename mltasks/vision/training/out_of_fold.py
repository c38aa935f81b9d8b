"""What rounds say of parts they had not learned from, and what is decided by it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from mltasks.vision.calibration.operating_point import KNOWN, PIXELS, HeldOut, Setting, settle
from mltasks.vision.data.splits import part_keys
from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.serving.thresholds import cost_threshold, review_band
from mltasks.vision.training.fit_detectors import wanted
from mltasks.vision.training.folds import Lesson, Round, of_split, train_round
from mltasks.vision.training.progress import Stage


def held_out_of(rounds: Sequence[Round], lesson: Lesson) -> HeldOut:
    """What several rounds say of the parts that each had not learned from, as one set."""
    indices = [index for one in rounds for index in one.held_out]
    names = list(rounds[0].scores)
    keys = part_keys(lesson.samples)
    scores = {name: [value for one in rounds for value in one.scores[name]] for name in names}
    peaks = {name: [value for one in rounds for value in one.peaks[name]] for name in names}
    scores[PIXELS] = [error.mean for one in rounds for error in one.errors]
    peaks[PIXELS] = [error.worst_cell for one in rounds for error in one.errors]
    targets = [int(lesson.material.targets[index]) for index in indices]
    return HeldOut(scores, peaks, targets, [keys[index] for index in indices])


def setting_of(rounds: Sequence[Round], lesson: Lesson) -> Setting:
    """The weights, calibration, thresholds and deciding detector that these rounds' held-out answers give."""
    config = lesson.material.config
    least, _ = review_band(config.costs)
    return settle(held_out_of(rounds, lesson), wanted(config), config.novelty_quantile, config.seed, least)


def predict(lesson: Lesson, one: Round, setting: Setting) -> list[Prediction]:
    """What a round says of its held-out images, decided by a setting, in their order."""
    found = held_out_of([one], lesson)
    logits = setting.fusion.logits(found.scores)
    probabilities = setting.calibrator.probability(logits)
    novelty = setting.novelty(found.scores)
    fails_from = cost_threshold(lesson.material.config.costs)
    return [
        Prediction(
            name=sample.name,
            sha256=sample.sha256,
            path=sample.path,
            roi=sample.roi,
            bit_depth=sample.bit_depth,
            part=found.parts[at],
            target=sample.target,
            defect_type=sample.defect_type,
            split=sample.split,
            logit=float(logits[at]),
            probability=float(probabilities[at]),
            reconstruction_error=found.scores[PIXELS][at],
            anomaly_threshold=setting.thresholds[PIXELS],
            detector=setting.detector,
            detectors={name: values[at] for name, values in novelty.items()},
            known=found.scores[KNOWN][at] / setting.known_threshold
            if setting.known_threshold and probabilities[at] >= fails_from
            else None,
        )
        for at, sample in enumerate(lesson.samples[index] for index in one.held_out)
    ]


def cross_fit(rounds: Mapping[str, Round], lesson: Lesson, known: Collection[int] | None = None) -> list[Prediction]:
    """What rounds by fold say of the folds they left out. What decides about a fold comes from the answers about the
    other folds; of these, where ``known`` is given, only about the images whose labels are known."""
    predictions: list[Prediction] = []
    for name, one in rounds.items():
        others = [_about(other, known) for also, other in rounds.items() if also != name]
        predictions += predict(lesson, one, setting_of(others, lesson))
    return predictions


def ask_held_out(
    lesson: Lesson, stage: Stage, known: Collection[int] | None = None
) -> tuple[Round, Setting, list[Prediction]]:
    """Train on ``train``, weigh, calibrate and set thresholds on ``validation``, both of the images ``known`` alone
    where they are given; and what is said of ``test``."""
    train, validation = (of_split(lesson.samples, split, known) for split in ("train", "validation"))
    asked, seen = [*validation, *of_split(lesson.samples, "test")], len(validation)
    purpose = () if known is None else (len(known),)
    seed = derive_seed(lesson.material.config.seed, "holdout", *purpose)
    one = train_round(lesson.for_labels(len(train)), train, asked, seed, stage)
    setting = setting_of([only(one, range(seen))], lesson)
    return one, setting, predict(lesson, only(one, range(seen, len(asked))), setting)


def _about(one: Round, known: Collection[int] | None) -> Round:
    if known is None:
        return one
    return only(one, [at for at, index in enumerate(one.held_out) if index in known])


def only(one: Round, positions: Sequence[int]) -> Round:
    """A round's answers about some of its held-out images."""
    return replace(
        one,
        held_out=[one.held_out[at] for at in positions],
        scores={name: [values[at] for at in positions] for name, values in one.scores.items()},
        peaks={name: [values[at] for at in positions] for name, values in one.peaks.items()},
        errors=[one.errors[at] for at in positions],
    )
