"""Checks of a person's verdict, defect type and marks before they become a label."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from inspection.models import Product, Verdict
from labeling.models import DefectType
from labeling.refusals import InvalidLabel
from mltasks.vision.types import MARKS_LIMIT, Mark


def marks_to_store(verdict: str, marks: Sequence[Mark] | None) -> list[dict[str, float]] | None:
    """Return the marks as a label stores them; None if the label states no place.

    Raises InvalidLabel for a good part with marks, and for too many marks.
    """
    if marks and verdict == Verdict.PASS:
        raise InvalidLabel(_("A PASS verdict cannot have marks."))
    if marks and len(marks) > MARKS_LIMIT:
        raise InvalidLabel(_("A label has at most {limit} marks.").format(limit=MARKS_LIMIT))
    return None if marks is None or verdict == Verdict.PASS else [mark.to_json() for mark in marks]


def find_defect_type(product: Product, verdict: str, requested: DefectType | str | None) -> DefectType | None:
    """Return the product's current type that a verdict names; None if it names none.

    Raises InvalidLabel for a verdict other than PASS and FAIL, a good part with a defect type, or an unknown type.
    """
    if verdict not in (Verdict.PASS, Verdict.FAIL):
        raise InvalidLabel(_("The verdict must be PASS or FAIL, not {verdict!r}.").format(verdict=verdict))
    if not requested:
        return None
    if verdict == Verdict.PASS:
        raise InvalidLabel(_("A PASS verdict cannot have a defect type."))
    name = requested if isinstance(requested, str) else requested.name
    # A page that was opened before a merge or a new name still sends the old one.
    kinds = {kind.name: kind.current for kind in product.defect_types.select_related("merged_into")}
    if name not in kinds:
        types = ", ".join(sorted({kind.name for kind in kinds.values()})) or _("none yet")
        text = _("{product} has no defect type {name!r}. Its defect types: {types}.")
        raise InvalidLabel(text.format(product=product.name, name=name, types=types))
    return kinds[name]
