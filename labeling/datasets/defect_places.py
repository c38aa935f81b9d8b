"""Place of a part's defect: the marks or the mask of the label that stated it last.

A later FAIL without a place, such as a second reviewer's, keeps an earlier one. A PASS withdraws it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from inspection.models import Inspection, Verdict
from labeling.models import Label, LabelQuerySet
from mltasks.models.mask_names import mask_name
from mltasks.vision.types import Mark, parse_marks


@dataclass(frozen=True, slots=True)
class DefectPlace:
    """Place that one label stated: a person's marks, or the sha256 of an imported mask."""

    marks: tuple[Mark, ...] = ()
    mask_sha256: str = ""

    @property
    def mask_name(self) -> str:
        """Return the path of the mask below MEDIA_ROOT; empty without a mask."""
        return mask_name(self.mask_sha256) if self.mask_sha256 else ""


def stated_place(label: Label) -> DefectPlace:
    """Return the place that the label itself states, empty if it states none."""
    return DefectPlace(parse_marks(label.marks or []), label.mask_sha256)


def places_of_product(product_id: int) -> dict[UUID, DefectPlace]:
    """Return the places of the product's parts, by inspection; parts without a place are left out."""
    return _by_inspection(Label.objects.filter(inspection__product=product_id))


def place_of_part(part: Inspection) -> DefectPlace:
    """Return the part's place, empty if no label states one."""
    return _by_inspection(Label.objects.filter(inspection=part)).get(part.pk, DefectPlace())


def _by_inspection(labels: LabelQuerySet) -> dict[UUID, DefectPlace]:
    later_pass = Label.objects.not_undone().filter(
        Q(created_at__gt=OuterRef("created_at")) | Q(created_at=OuterRef("created_at"), pk__gt=OuterRef("pk")),
        inspection=OuterRef("inspection"),
        verdict=Verdict.PASS,
    )
    stating = labels.filter(Q(marks__isnull=False) | ~Q(mask_sha256="")).filter(~Exists(later_pass))
    rows: Iterable[tuple[UUID, list[object] | None, str]] = stating.standing().values_list(
        "inspection", "marks", "mask_sha256"
    )
    places = {key: DefectPlace(parse_marks(marks or []), sha256) for key, marks, sha256 in rows}
    return {key: place for key, place in places.items() if place != DefectPlace()}
