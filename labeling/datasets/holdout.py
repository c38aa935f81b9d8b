"""Locked holdout: labeled parts that no version trains on, to compare versions over months.

A part is assigned with its first label, by hash sampling alone, not by the model. The weights of
`inspection.holdout` correct for the model's choice of the parts that people label.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, Q

from inspection.models import Inspection, Product
from inspection.products import hash_sampling
from inspection.products.part_identity import PartIdentities
from labeling.models import Label

# The first labels all train: a fifth of so few measures nothing, and training needs them.
MIN_LABELS = 100


def assign_holdout(product: Product, parts: Sequence[Inspection]) -> None:
    """Assign parts with a new first label to the holdout or not, in the label's transaction.

    Images of one part, by part id or by content, share the assignment of the image labeled first. Assigned parts keep
    their assignment, and parts labeled before there was a holdout are not in it.
    """
    new = [part for part in parts if part.holdout is None]
    if not new:
        return
    identities = PartIdentities(product)
    earlier = _holdout_by_key(product, new, identities) if _has_enough_labels(product) else None
    for part in new:
        part.holdout = earlier is not None and _is_holdout(product, identities.names(part), earlier)
    for value in (True, False):
        Inspection.objects.filter(pk__in=[part.pk for part in new if part.holdout is value]).update(holdout=value)


def _is_holdout(product: Product, keys: Sequence[str], holdout_by_key: dict[str, bool]) -> bool:
    is_holdout = next((holdout_by_key[key] for key in keys if key in holdout_by_key), None)
    if is_holdout is None:
        is_holdout = holdout_sample_value(product, keys[0]) < product.holdout_share
    holdout_by_key |= dict.fromkeys(keys, is_holdout)
    return is_holdout


def holdout_sample_value(product: Product, key: str) -> float:
    """Return a number in [0, 1) that depends only on the product and a part's key."""
    return hash_sampling.hash_uniform(f"holdout:{product.pk}:{key}".encode())


def _has_enough_labels(product: Product) -> bool:
    if product.holdout_share == 0:
        return False
    # Unordered: with an order, the query takes 100 ms among a million labeled parts.
    labeled = Inspection.objects.filter(product=product, human_verdict__isnull=False).order_by()
    return labeled[: MIN_LABELS + 1].count() > MIN_LABELS


def _holdout_by_key(product: Product, parts: Sequence[Inspection], identities: PartIdentities) -> dict[str, bool]:
    """Return the assignments, by key, of earlier labeled parts with the same id or image."""
    ids = {identities.part_id(part.part_id) for part in parts} - {""}
    files = {part.image_sha256 for part in parts}
    same = Inspection.objects.filter(Q(part_id__in=ids) | Q(image_sha256__in=files), product=product)
    before = same.filter(labels__isnull=False).exclude(pk__in=_first_labeled_now(parts))
    rows = before.only("part_id", "image_sha256", "holdout")
    return {key: bool(part.holdout) for part in rows for key in identities.names(part)}


def _first_labeled_now(parts: Sequence[Inspection]) -> set[UUID]:
    """Return the keys of the parts whose only label is the one just written."""
    keys = {part.pk for part in parts}
    labels = Label.objects.filter(inspection__in=keys).order_by().values("inspection").annotate(number=Count("pk"))
    return keys - set(labels.filter(number__gt=1).values_list("inspection", flat=True))
