"""Command ``benchmark NAME [--data DIR]``: measure the recipe by one protocol.

Prints each row as it is measured, then a table and JSON.
"""

from __future__ import annotations

import json
import os
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from mltasks.vision.types import Progress

PROTOCOL_NAMES = (
    "phone-cases, all-types-known, novelty, leave-one-type-out, learning-curve, localisation, serving-graph, "
    "backbones or fast-path"
)


class Command(BaseCommand):
    """Benchmark of the recipe; uses neither the database nor the stored images."""

    help = "Measure the training recipe on a folder of labeled parts, and compare it with the project's first recipe."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help=PROTOCOL_NAMES)
        parser.add_argument(
            "--data", type=Path, help="folder with good/ and one folder per defect type; fast-path draws parts without"
        )
        parser.add_argument("--masks", type=Path, help="for localisation: masks of the defects, TYPE/STEM.png")
        parser.add_argument("--repeats", type=int, help="number of the protocol's repeats, seeds, folds or rounds")
        parser.add_argument(
            "--set", action="append", default=[], metavar="NAME=VALUE", help="training setting, may be repeated"
        )
        parser.add_argument("--json", type=Path, help="also write the JSON to this file")
        parser.add_argument("--plot", type=Path, help="also draw the table into this SVG file")

    def handle(self, *args: Any, **options: Any) -> None:
        # Torch reads the setting once, when it loads: waiting threads sleep instead of using the other core.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        from mltasks.vision.benchmarks.charts import write_table_chart
        from mltasks.vision.benchmarks.protocol import format_row  # late: torch
        from mltasks.vision.benchmarks.protocols import PROTOCOLS, run_protocol

        if options["name"] not in PROTOCOLS:
            raise CommandError(f"Unknown protocol {options['name']!r}. Known: {', '.join(PROTOCOLS)}.")
        started = time.monotonic()
        with tqdm(total=100, unit="%", bar_format="{l_bar}{bar}| {elapsed} {desc}") as bar:

            def show(step: Progress) -> None:
                bar.n = round(100 * step.share)
                bar.set_description_str(step.stage[:60])

            def tell(title: str, figures: Mapping[str, float]) -> None:
                # Flushed, so that the rows of a killed run are printed.
                with tqdm.external_write_mode():
                    self.stdout.write(f"[{time.monotonic() - started:.0f} s] {format_row(title, figures)}")
                    self.stdout.flush()

            given = {name: options[name] for name in ("repeats", "masks")}
            try:
                table = run_protocol(
                    options["name"], options["data"], show, tell, settings=_settings(options["set"]), **given
                )
            except ValueError as error:
                raise CommandError(str(error)) from error
        seconds = round(time.monotonic() - started, 1)
        self.stdout.write(f"{table}\n\nMeasured in {seconds:.0f} s.")
        result = {"name": options["name"], "seconds": seconds, **table.to_json()}
        text = json.dumps(result, indent=2, allow_nan=False)
        self.stdout.write(text)
        if options["json"]:
            options["json"].write_text(text + "\n", encoding="utf-8")
        if options["plot"]:
            write_table_chart(options["plot"], options["name"].replace("-", " ").capitalize(), table)


def _settings(pairs: list[str]) -> dict[str, Any]:
    """Return training settings as JSON values, or as text if they are no JSON."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise CommandError(f"A setting is NAME=VALUE, not {pair!r}.")
        try:
            settings[name] = json.loads(value)
        except ValueError:
            settings[name] = value
    return settings
