"""Who and what there is in the pictures' plant: people, a product with its stations, and what comes along its line."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from django.contrib.auth.models import Group, User
from PIL import Image

from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Inspection, Product, Station
from inspection.products.products import create_product
from inspection.products.stations import create_station
from labeling.models import DefectType
from mltasks.vision.drawing.draw_part import DrawnPart, draw_part
from mltasks.vision.drawing.line import demo_line
from mltasks.vision.drawing.plates import PartKind
from tests.pictures.clock import move_into_past
from webapp.bootstrap import demo
from webapp.bootstrap.groups import ADMIN, QUALITY_MANAGER, REVIEWER

# The first by name is what a person sees who has chosen none.
PRODUCT, HINGE = "case-pc14", "hinge-hc2"
MANAGER, REVIEWERS = "ines", ("tomasz", "mei", "jonas")
STATIONS = ("press-2", "press-4", "packing")
COLOURS = {"scratch": "#D55E00", "excess": "#56B4E9", "broken-corner": "#CC79A7"}
TYPES = {PartKind.SCRATCH: "scratch", PartKind.EXCESS: "excess", PartKind.NOVEL: "broken-corner"}
_PASSWORD = "seen-only-by-the-pictures"
_SHOTS_OF_ONE = 6


@dataclass
class Plant:
    """The plant, and the truth about its parts, by part id: only the drawing knows it."""

    product: Product
    hinge: Product
    stations: list[Station]
    people: dict[str, User]
    truth: dict[str, DrawnPart] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(4117))

    def receive(self, part: DrawnPart, *, every: float = 38.0) -> Inspection:
        """A drawn part comes in, ``every`` so many seconds one, at one station after another."""
        number = next(self.numbers)
        name = f"PC14-{number:06d}"
        self.truth[name] = part
        move_into_past(seconds=every)
        image = io.BytesIO()
        part.image.save(image, format="JPEG", quality=92)
        station = self.stations[number % len(self.stations)]
        metadata = {"mould": f"PP-GF {number % 4 + 1}", "order": f"26-{4800 + number // 300}"}
        filename = f"{name}.jpg"
        return intake.receive(
            Submission(image, station.product, station, filename=filename, part_id=name, metadata=metadata)
        )

    def true_verdict(self, part: Inspection) -> tuple[str, str]:
        """Verdict and defect type that a person with good eyes gives."""
        kind = TYPES.get(self.truth[part.part_id].kind, "")
        return ("FAIL", kind) if kind else ("PASS", "")

    def sorted_by_size(self, parts: Iterable[Inspection], *kinds: PartKind) -> list[Inspection]:
        """Those of the kinds, the part with the largest defect first."""
        known = [part for part in parts if part.part_id and self.truth[part.part_id].kind in kinds]
        return sorted(known, key=lambda part: -int(self.truth[part.part_id].mask.sum()))


def build_plant() -> Plant:
    """People, two products, their stations and words for defects."""
    people = {MANAGER: _person(MANAGER, QUALITY_MANAGER, ADMIN)} | {name: _person(name, REVIEWER) for name in REVIEWERS}
    product = create_product(PRODUCT, name="Phone case PC-14", escape_promise=demo.ESCAPE_PROMISE)
    product.training_settings = demo.TRAINING_SETTINGS
    # More than usual, so that a fortnight's work shows how people agree.
    product.second_share, product.repeat_share = 0.4, 0.15
    product.save()
    for key, (name, colour) in enumerate(COLOURS.items(), 1):
        DefectType.objects.create(product=product, name=name, key=str(key), colour=colour)
    hinge = create_product(HINGE, name="Hinge cover HC-2")
    DefectType.objects.create(product=hinge, name="scratch", key="1", colour=COLOURS["scratch"])
    create_station(hinge, "press-7")
    return Plant(product, hinge, [create_station(product, name)[0] for name in STATIONS], people)


def next_parts(seed: int, number: int) -> list[DrawnPart]:
    """The next parts of the line: most are good, and a new kind of damage turns up now and then."""
    return [part for part, _ in zip(demo_line(seed), range(number), strict=False)]


def scratched_parts(seed: int, number: int) -> list[DrawnPart]:
    """Parts with scratches, the longest first: some that nobody misses, some that take a second look."""
    drawn = [draw_part(PartKind.SCRATCH, (1 << 30) + seed * 1000 + one) for one in range(number)]
    return sorted(drawn, key=lambda part: -int(part.mask.sum()))


def near_duplicate_parts(seed: int) -> list[DrawnPart]:
    """One part that the camera took again and again: near-identical pictures, but for the sensor's noise."""
    one, rng = draw_part(PartKind.NOVEL, (1 << 30) + seed), np.random.default_rng(seed)
    pixels = np.asarray(one.image, dtype=np.float32)
    found = []
    for _ in range(_SHOTS_OF_ONE):
        noisy = np.clip(pixels + rng.normal(0, 1.5, pixels.shape), 0, 255).astype(np.uint8)
        found.append(DrawnPart(Image.fromarray(noisy), one.kind, one.defect_type, one.mask, one.seed))
    return found


def _person(name: str, *groups: str) -> User:
    person = User.objects.create_user(name, password=_PASSWORD, is_staff=ADMIN in groups)
    person.groups.set(Group.objects.filter(name__in=groups))
    return person
