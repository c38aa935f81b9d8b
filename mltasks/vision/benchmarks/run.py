"""Protocols by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mltasks.vision.benchmarks.asking import Asking
from mltasks.vision.benchmarks.bench import Bench, Tell
from mltasks.vision.benchmarks.cases import phone_cases
from mltasks.vision.benchmarks.curve import learning_curve
from mltasks.vision.benchmarks.figures import Table
from mltasks.vision.benchmarks.novelty import novelty
from mltasks.vision.benchmarks.parts import read_folder
from mltasks.vision.benchmarks.unseen_type import leave_one_type_out
from mltasks.vision.compute import reproducible
from mltasks.vision.progress import Stage
from mltasks.vision.types import ProgressCallback, TrainConfig

REPEATS = {"phone-cases": 10, "novelty": 3, "leave-one-type-out": 1, "learning-curve": 3}
PROTOCOLS = tuple(REPEATS)


def run(
    name: str, data: Path, settings: Mapping[str, Any], repeats: int | None, progress: ProgressCallback, tell: Tell
) -> Table:
    """Measure by one of ``PROTOCOLS``; ``settings`` change the training config, or how a learning curve asks.
    ``tell`` hears of each row when it is finished. Raises ValueError (NoParts among them) for a folder or settings that
    can't work, KeyError for an unknown name."""
    asking, rest = Asking.taken_from(settings) if name == "learning-curve" else (Asking(), settings)
    config = TrainConfig.from_json(rest)
    count = REPEATS[name] if repeats is None else repeats
    if count < 1:
        raise ValueError(f"A protocol is repeated 1 time or more, not {count}.")
    with reproducible(config.threads) as compute:
        return _measure(name, data, asking, Bench(config, compute, count, Stage(progress), tell))


def _measure(name: str, data: Path, asking: Asking, bench: Bench) -> Table:
    bench.stage.report(0, "reading the folder")
    if name == "phone-cases":
        return phone_cases(read_folder(data, grouped=False), bench)
    grouped = read_folder(data, grouped=True)
    if name == "leave-one-type-out":
        return leave_one_type_out(grouped, bench)
    if name == "learning-curve":
        return learning_curve(grouped, asking, bench)
    return novelty(read_folder(data, grouped=False), grouped, bench)
