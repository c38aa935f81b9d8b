"""``python -m mltasks.vision.pretrain``: make the shipped ResNet18 weights.

A stopped run resumes from its checkpoint.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch

from mltasks.vision.networks.backbones import BACKBONES, WEIGHTS_DIR
from mltasks.vision.pretrain.card import drawn_card, write_weights
from mltasks.vision.pretrain.crops import CROP, pool_views
from mltasks.vision.pretrain.distillation import BATCH, DistillationRecipe, DistillationStep, distill
from mltasks.vision.pretrain.image_pool import drawing_sha256, load_pool
from mltasks.vision.pretrain.student import Student

DEFAULT_CROPS = 48_000
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
        init=options.init,
        detail=options.detail,
        half=not options.float32,
    )
    pool = load_pool(options.cache, options.seed, options.images, options.side, os.cpu_count() or 1, _print_line)

    def report(step: DistillationStep, student: Student) -> None:
        _print_line(f"step {step.done}/{steps}  loss {step.loss:.4f}  {step.crops_per_s:.1f} crops/s")
        if step.done == steps or step.done % options.save_every == 0:
            facts = drawn_card(recipe, pool, step.done, step.loss)
            digest = write_weights(student.network, options.out, facts)
            _print_line(f"wrote {options.out}, sha256 {digest}")

    checkpoint = options.cache / f"resume-{_identity(recipe, options)}.safetensors"
    distill(pool_views(pool), recipe, checkpoint, report_every=min(options.report_every, steps), report=report)
    checkpoint.unlink()


def _identity(recipe: DistillationRecipe, options: argparse.Namespace) -> str:
    """Return a hash of recipe, pool and thread count: other runs never resume this checkpoint."""
    parts = [asdict(recipe), options.images, options.side, options.threads, drawing_sha256()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mltasks.vision.pretrain", description=__doc__)
    parser.add_argument("--images", type=int, default=3000, help="images to draw (default %(default)s)")
    parser.add_argument("--side", type=int, default=256, help="side of a drawn image in pixels (default %(default)s)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--crops", type=int, default=DEFAULT_CROPS, help="crops to train on (default %(default)s)")
    length.add_argument("--steps", type=int, help="optimizer steps, instead of --crops")
    parser.add_argument("--batch", type=int, default=BATCH, help="crops per step (default %(default)s)")
    parser.add_argument("--crop", type=int, default=CROP, help="side of a crop in pixels (default %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="seed of all random draws (default %(default)s)")
    parser.add_argument("--init", default="random", help="weights to start from: random, shipped or a file")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="lower with --init (default %(default)s)")
    parser.add_argument("--detail", type=float, default=0.0, help="loss weight at stride 4 (default %(default)s)")
    parser.add_argument("--float32", action="store_true", help="compute in 32 bits, for processors without bfloat16")
    parser.add_argument("--threads", type=int, default=1, help="the weights depend on them (default %(default)s)")
    parser.add_argument("--out", type=Path, default=WEIGHTS_DIR / BACKBONES["resnet18"].shipped_file)
    parser.add_argument(
        "--cache", type=Path, default=Path("var/pretrain"), help="folder of images and checkpoint (default %(default)s)"
    )
    parser.add_argument("--report-every", type=int, default=50, help="steps between two reports and checkpoints")
    parser.add_argument("--save-every", type=int, default=500, help="steps between usable weights at --out")
    return parser


def _stop(*_: object) -> None:
    raise SystemExit(143)


if __name__ == "__main__":
    # Raised as an exception so that a SIGTERM ends the drawing processes too.
    signal.signal(signal.SIGTERM, _stop)
    main()
