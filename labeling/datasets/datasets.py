"""Datasets: a product's standing labels as samples and frozen snapshots."""

from __future__ import annotations

from collections.abc import Iterable

from inspection.models import Inspection, Product
from inspection.products.part_identity import PartIdentities
from labeling.datasets.defect_places import DefectPlace, places_of_product
from labeling.models import Label, LabelQuerySet, Recheck
from labeling.models.defect_types import current_type_name
from mltasks.models import DatasetSnapshot
from mltasks.snapshots import snapshots
from mltasks.storage import object_store
from mltasks.vision.data.disjoint_sets import DisjointSets
from mltasks.vision.data.duplicate_groups import file_group
from mltasks.vision.types import HOLDOUT, Roi, Sample


def standing_labels(product: Product) -> LabelQuerySet:
    """Return the standing label of each part, with the part, defect type and reviewer."""
    of_product = Label.objects.filter(inspection__product=product)
    return of_product.standing().select_related("inspection", "defect_type__merged_into", "reviewer")


def take_snapshot(product: Product) -> DatasetSnapshot:
    """Freeze the standing labels. Raises NotEnoughLabels, with a text for people."""
    return snapshots.freeze(product.registered_model, samples(product), product.train_config())


def samples(product: Product) -> list[Sample]:
    """Return one sample an image: the label of the highest precedence, without disputed labels.

    Images of one part share a group: the same part id, or the same bytes sent under two part ids. An image whose part
    id identifies no part (`part_identity`) has its own file's group; ``snapshots.freeze`` then finds near-duplicates.
    A defective sample has the marks or the mask of its part (`defect_places`).
    """
    disputed = Recheck.objects.disputed().filter(inspection__product=product)
    labels = list(standing_labels(product).exclude(inspection__in=disputed.values("inspection")))
    group_of = part_groups((label.inspection for label in labels), PartIdentities(product))
    counting = {label.inspection.image_sha256: label for label in sorted(labels, key=lambda label: label.precedence)}
    places = places_of_product(product.pk)
    return [
        _make_sample(label, group_of[sha256], places.get(label.inspection_id, DefectPlace()))
        for sha256, label in counting.items()
    ]


def part_groups(parts: Iterable[Inspection], identities: PartIdentities) -> dict[str, str]:
    """Return the group of every image, by sha256, by union-find over images and part ids.

    A group is named by its least part id, or without one by its file, so that its name does not depend on the order.
    """
    joined = DisjointSets[str]()
    files = set()
    for part in parts:
        file = file_group(part.image_sha256)
        files.add(part.image_sha256)
        # A part id before a file: the group's name shows if its part is known.
        roots = joined.find(file), joined.find(identities.group(part) or file)
        joined.join(*sorted(roots, key=_part_id_first))
    return {sha256: joined.find(file_group(sha256)) for sha256 in files}


def _part_id_first(group: str) -> tuple[bool, str]:
    return not group.startswith("part "), group


def _make_sample(label: Label, group: str, place: DefectPlace) -> Sample:
    part = label.inspection
    return Sample(
        name=part.original_filename or part.part_id or str(part.pk),
        sha256=part.image_sha256,
        path=object_store.root() / part.image_name,
        target=label.target,
        group=group,
        defect_type=current_type_name(label.defect_type),
        roi=Roi.from_stored(part.roi),
        bit_depth=part.bit_depth,
        split=HOLDOUT if part.holdout else "",
        marks=place.marks,
        mask=object_store.root() / place.mask_name if place.mask_name else None,
    )
