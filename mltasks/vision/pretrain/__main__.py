"""``python -m mltasks.vision.pretrain``: make the shipped ResNet18 weights.

A run stopped by Ctrl-C, SIGTERM or a crash resumes from its checkpoint when the same command is given again.
"""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from mltasks.vision.networks.backbones import BACKBONES, WEIGHTS_DIR
from mltasks.vision.pretrain.card import drawn_card, write_weights
from mltasks.vision.pretrain.crops import CROP, pool_views
from mltasks.vision.pretrain.distillation import DistillationStep, DistillationStopped, distill
from mltasks.vision.pretrain.distillation_state import BATCH, CheckpointMismatchError, DistillationRecipe
from mltasks.vision.pretrain.image_pool import load_pool, pool_sha256
from mltasks.vision.pretrain.pretraining_config import format_duration
from mltasks.vision.pretrain.student import Student
from mltasks.vision.pretrain.teacher import TEACHERS

DEFAULT_CROPS = 300_000
CHECKPOINT_EVERY_S = 120.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_print_line = partial(print, flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Draw the images, distill, and write the weights with their card."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    steps = options.steps or options.crops // options.batch
    recipe = DistillationRecipe(
        steps=steps,
        seed=options.seed,
        batch=options.batch,
        crop=options.crop,
        learning_rate=options.learning_rate,
        cooldown=options.cooldown,
        init=options.init,
        detail=options.detail,
        half=not options.float32,
        teacher=options.teacher,
    )
    pool = load_pool(options.cache, options.seed, options.images, options.side, os.cpu_count() or 1, _print_line)

    def report(step: DistillationStep, student: Student) -> None:
        left = format_duration((steps - step.done) * recipe.batch, step.crops_per_s)
        _print_line(f"step {step.done}/{steps}  loss {step.loss:.4f}  {step.crops_per_s:.1f} crops/s  {left} left")
        if step.done == steps:
            digest = write_weights(student.network, options.out, drawn_card(recipe, pool, step))
            _print_line(f"wrote {options.out}, sha256 {digest}")

    checkpoint = options.cache / "checkpoint.safetensors"
    with _stop_request() as request:
        try:
            distill(
                pool_views(pool),
                recipe,
                checkpoint,
                images=pool_sha256(pool),
                report_every=min(options.report_every, steps),
                save_every_s=CHECKPOINT_EVERY_S,
                report=report,
                stop=request.is_set,
            )
        except CheckpointMismatchError as error:
            raise SystemExit(str(error)) from None
        except DistillationStopped as stopped:
            _print_line(f"{stopped} To continue, run the same command again.")
            raise SystemExit(128 + request.signal_number) from None
    checkpoint.unlink()


@dataclass(slots=True)
class _StopRequest:
    """Request by a signal to stop after the current step; 0 is none."""

    signal_number: int = 0

    def is_set(self) -> bool:
        return self.signal_number > 0


@contextmanager
def _stop_request() -> Iterator[_StopRequest]:
    """Turn SIGTERM and Ctrl-C into a request; a second signal has its usual effect."""
    request, before = _StopRequest(), {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _: object) -> None:
        request.signal_number = number
        restore()

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield request
    finally:
        restore()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mltasks.vision.pretrain", description=__doc__)
    parser.add_argument("--images", type=int, default=10_000, help="images to draw (default %(default)s)")
    parser.add_argument("--side", type=int, default=256, help="side of a drawn image in pixels (default %(default)s)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--crops", type=int, default=DEFAULT_CROPS, help="crops to train on (default %(default)s)")
    length.add_argument("--steps", type=int, help="optimizer steps, instead of --crops")
    parser.add_argument("--batch", type=int, default=BATCH, help="crops per step (default %(default)s)")
    parser.add_argument("--crop", type=int, default=CROP, help="side of a crop in pixels (default %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="seed of all random draws (default %(default)s)")
    parser.add_argument(
        "--cooldown", type=float, default=0.3, help="share of steps with falling learning rate (default %(default)s)"
    )
    parser.add_argument("--init", default="random", help="weights to start from: random, shipped or a file")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="lower with --init (default %(default)s)")
    parser.add_argument("--detail", type=float, default=0.0, help="loss weight at stride 4 (default %(default)s)")
    parser.add_argument("--teacher", choices=TEACHERS, default="efficientnet_lite2", help="default %(default)s")
    parser.add_argument("--float32", action="store_true", help="compute in 32 bits, for processors without bfloat16")
    parser.add_argument("--threads", type=int, default=1, help="the weights depend on them (default %(default)s)")
    parser.add_argument("--out", type=Path, default=WEIGHTS_DIR / BACKBONES["resnet18"].shipped_file)
    parser.add_argument(
        "--cache", type=Path, default=Path("var/pretrain"), help="folder of images and checkpoint (default %(default)s)"
    )
    parser.add_argument("--report-every", type=int, default=10, help="steps between two reports (default %(default)s)")
    return parser


def _stop(*_: object) -> None:
    raise SystemExit(143)


if __name__ == "__main__":
    # Raised as an exception so that a SIGTERM ends the drawing processes too.
    signal.signal(signal.SIGTERM, _stop)
    main()
