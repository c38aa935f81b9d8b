"""Notes for people on part ids that identify no part."""

from __future__ import annotations

from collections import Counter

from inspection.models import Product
from inspection.products import part_identity
from inspection.products.part_identity import PartIdentities
from labeling.datasets.datasets import standing_labels

MAX_NOTES = 5
_CONSEQUENCE = "each image counts as its own part, unless it is a near-duplicate of another"


def refresh_notes(product: Product) -> list[str]:
    """Update shared part ids; return notes on the ``MAX_NOTES`` most frequent invalid part ids."""
    sent = list(standing_labels(product).values_list("inspection__part_id", flat=True))
    part_identity.save_shared_part_ids(product, sent)
    identities = PartIdentities(product)
    counts = Counter(part_id for part_id in sent if part_id and not identities.part_id(part_id))
    return [_note(identities, part_id, count, len(sent)) for part_id, count in counts.most_common(MAX_NOTES)]


def _note(identities: PartIdentities, part_id: str, count: int, total: int) -> str:
    images = f"{count} of {total} labeled images have the part id {part_id!r}"
    if identities.is_placeholder(part_id):
        return f"{images}, a placeholder of the code reader: {_CONSEQUENCE}."
    return (
        f"{images}. Too many images share it to identify a part: {_CONSEQUENCE}. Correct the code reader, or add "
        "the part id to the product's placeholders."
    )
