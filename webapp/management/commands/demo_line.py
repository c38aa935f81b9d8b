"""Command that simulates the demo's line: sends drawn parts over HTTP as a station."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from inspection.models import Inspection
from mltasks.models import ModelVersion
from mltasks.vision.drawing.line import demo_line
from webapp.bootstrap import demo
from webapp.bootstrap.demo_camera import Camera, NotAccepted

_POLL_SECONDS = 2.0


class Command(BaseCommand):
    """Command that sends parts: a burst, then one at a time, none while the queue is full."""

    help = "Send the demo's parts over HTTP: a quick burst, then one every --interval seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--interval", type=float, default=20.0, help="seconds between parts after the burst")
        parser.add_argument("--burst", type=int, default=40, help="parts sent at once at the start")
        parser.add_argument("--full", type=int, default=60, help="pause while this many parts wait for review")
        parser.add_argument("--count", type=int, default=None, help="stop after this many parts")
        parser.add_argument(
            "--seed", type=int, default=None, help="seed of the drawn parts; a new one at each start by default"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait for the demo's champion, then send parts."""
        camera = Camera("127.0.0.1", settings.PORT, _wait_for_champion())
        seed = options["seed"] if options["seed"] is not None else _next_seed()
        parts = islice(demo_line(seed), options["count"])
        for number, pause in zip(count(1), _pauses(options["burst"], options["interval"]), strict=False):
            self._wait_for_room(options["full"])
            part = next(parts, None)
            if part is None:
                return
            part_id = f"demo-{seed}-{number:04d}"
            try:
                answer = camera.send(part.image, part_id)
            except NotAccepted as error:
                raise CommandError(f"{part_id} was not accepted. {error}") from error
            self.stdout.write(f"{part_id}  {answer['verdict']:<6} {', '.join(answer['reasons'])}")
            time.sleep(pause)

    def _wait_for_room(self, full: int) -> None:
        reported = False
        while _waiting_count() >= full:
            if not reported:
                self.stdout.write(f"{full} parts wait for review: the line pauses until fewer wait")
            reported = True
            time.sleep(_POLL_SECONDS)


def _pauses(burst: int, interval: float) -> Iterator[float]:
    for number in count(1):
        yield 0.2 if number < burst else interval


def _wait_for_champion() -> str:
    """Return the station's key once there is a champion."""
    champions = ModelVersion.objects.filter(model__name=demo.PRODUCT, state=ModelVersion.State.CHAMPION)
    while (key := demo.station_key()) is None or not champions.exists():
        connection.close()
        time.sleep(_POLL_SECONDS)
    return key


def _waiting_count() -> int:
    count = Inspection.objects.awaiting_review().filter(product__slug=demo.PRODUCT).count()
    # Idle for long: hold no connection meanwhile, and none that a database restart has broken.
    connection.close()
    return count


def _next_seed() -> int:
    """Return a new seed at each start, so that no part is sent twice."""
    path = settings.VAR / "demo_line_seed"
    seed = int(path.read_text()) + 1 if path.exists() else 1
    path.write_text(str(seed))
    return seed
