"""Fast path on parts: the share that it answers, what it lets through, and the time that it saves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np

from mltasks.vision.benchmarks.part_folder import prepare_parts, read_folder
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import Row, Table
from mltasks.vision.benchmarks.serving_speed.served_version import train_served_version
from mltasks.vision.data.splits import assign_splits, split_in_two
from mltasks.vision.drawing.line import labeled_set, write_image_folder
from mltasks.vision.fast_path.held_out import AnsweredImage
from mltasks.vision.fast_path.screening_learning import LearningTask, learn_fast_path
from mltasks.vision.guarantees.escape_curve import EscapeCurve
from mltasks.vision.guarantees.escape_guarantee import EscapeRateGuarantee
from mltasks.vision.guarantees.screening_certificate import ScreeningTerms
from mltasks.vision.guarantees.thresholds import Bands, cost_bands, guaranteed_bands
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.serving.scorer import Scorer
from mltasks.vision.serving.screener import Screener
from mltasks.vision.training.features.feature_bank import read_pixels
from mltasks.vision.types import DEFECT, InputSize, Sample

LABELED, STORED = "labeled", "stored"
NO_PROMISE = EscapeRateGuarantee(rate=1)


@dataclass(frozen=True, slots=True)
class FastPathPlan:
    """Parts of the benchmark: drawn ones without a folder.

    - ``good``, ``scratch`` and ``excess``: numbers of drawn parts
    - ``labeled_share``: share that trains the full graph; three quarters of the rest are the stored parts, and the
      others measure the fast path
    - ``leak``: share of the not passed parts that may go through
    """

    good: int = 1200
    scratch: int = 400
    excess: int = 400
    labeled_share: float = 0.1
    leak: float = 0.01

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> tuple[Self, dict[str, Any]]:
        """Return the plan in the settings, and the settings that are not the plan's."""
        names = {field.name for field in fields(cls)}
        own = {name: value for name, value in settings.items() if name in names}
        return cls(**own), {name: value for name, value in settings.items() if name not in names}


def measure_fast_path(data: Path | None, plan: FastPathPlan, bench: Bench) -> Table:
    """Train a full graph on some parts, learn a fast path from its answers on others, and measure on the rest.

    Without a folder the parts are drawn. Raises NoPartsError, NotEnoughLabels, TooFewParts, TooManyOperations and
    NothingSaved.
    """
    runs = []
    with _read_or_draw(data, plan, bench.config.seed) as samples:
        for seed, stage in enumerate(bench.substages([f"seed {number}" for number in range(bench.repeats)])):
            runs.append(_measure_once(samples, plan, seed, stage))
            stage.report_stage(runs[-1])
    protocol = (
        f"A full graph is trained on {plan.labeled_share:.0%} of the parts. On three quarters of the others a fast "
        f"path learns from its answers, with a certified leak of at most {plan.leak:.1%} at 95 % confidence. The last "
        "quarter is measured. Milliseconds on one thread, without decoding."
    )
    return Table(protocol, [Row.from_runs("fast path", runs)])


@contextmanager
def _read_or_draw(data: Path | None, plan: FastPathPlan, seed: int) -> Iterator[list[Sample]]:
    if data is not None:
        yield read_folder(data, grouped=True)
        return
    with TemporaryDirectory(prefix="second-look-") as folder:
        write_image_folder(Path(folder), labeled_set(seed, plan.good, plan.scratch, plan.excess))
        # Each drawn part is another part.
        yield read_folder(Path(folder), grouped=False)


def _measure_once(samples: Sequence[Sample], plan: FastPathPlan, seed: int, bench: Bench) -> dict[str, float]:
    everything = range(len(samples))
    shares = {LABELED: plan.labeled_share, STORED: 1 - plan.labeled_share}
    labeled, rest = split_in_two(samples, everything, shares, derive_seed(seed, "labeled"))
    stored, measured = split_in_two(samples, rest, {STORED: 0.75, "measured": 0.25}, derive_seed(seed, "stored"))
    with TemporaryDirectory(prefix="second-look-") as folder:
        scorer, bands = _train([samples[at] for at in labeled], seed, Path(folder) / "full", bench)
        answers = [_answer(samples[at], scorer, bands) for at in (*stored, *measured)]
        task = LearningTask(
            answers[: len(stored)],
            Path(folder) / "full",
            scorer.input_size,
            ScreeningTerms(EscapeRateGuarantee(plan.leak), NO_PROMISE, "none", 0),
            seed,
        )
        learned = learn_fast_path(task, Path(folder) / "fast", {}, bench.stage.callback)
        screener = Screener.load(learned.directory, threads=1)
        return _figures(answers[len(stored) :], screener, learned.meta)


def _train(labeled: Sequence[Sample], seed: int, folder: Path, bench: Bench) -> tuple[Scorer, Bands]:
    """Train a version on the labeled parts; return its scorer and the bands of the default costs and promise."""
    folder.mkdir()
    ready = assign_splits(labeled, replace(bench.config, seed=seed, cross_validate_below=0))
    train = [at for at, sample in enumerate(ready) if sample.split == "train"]
    parts = prepare_parts(ready, train, bench.for_substage(0, 0.4, "computing features"))
    scorer = train_served_version(parts, ready, seed, folder, bench.for_substage(0.4, 0.8, "training").stage)
    costs = bench.config.costs
    curve = EscapeCurve.from_json(scorer.meta["escapes"])
    return scorer, guaranteed_bands(cost_bands(costs), curve, EscapeRateGuarantee())


def _answer(sample: Sample, scorer: Scorer, bands: Bands) -> AnsweredImage:
    scores = scorer.score([read_pixels(sample, scorer.input_size)])[0]
    passed = not scores.novel_defect_suspected and bands.passes(scores.defect_probability, scores.novelty)
    return AnsweredImage(sample, passed)


def _figures(answers: Sequence[AnsweredImage], screener: Screener, meta: Mapping[str, Any]) -> dict[str, float]:
    size = meta["input"]
    pixels = (read_pixels(answer.sample, InputSize(**size)) for answer in answers)
    alone = np.array([screener.certificate.passes(screener.logit(image)) for image in pixels])
    passed = np.array([answer.passed for answer in answers])
    defective = np.array([answer.sample.target == DEFECT for answer in answers])
    took = meta["milliseconds"]
    beside = took["screening"] + (1 - alone.mean()) * took["full"]
    return {
        "answered": float(alone.mean()),
        "full graph passes": float(passed.mean()),
        "leaked of not passed": float(alone[~passed].mean()),
        "defects passed alone": float((alone & ~passed & defective).sum() / max(1, defective.sum())),
        "screening, ms": took["screening"],
        "full graph, ms": took["full"],
        "with the fast path, ms": beside,
        "screening, share of GFLOP": meta["gflop"]["screening"] / meta["gflop"]["full"],
    }
