"""Identity of a part: its part id, unless the id is a placeholder or shared by many images.

A code reader that can't read sends the same text for every part. Used as a part id, that text would join all these
parts: one group of the splits, one holdout choice, one observation of a replay. An image without an identity is known
by its file alone, and snapshots find its near-duplicates. The part id stays stored and shown as sent.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from statistics import median

from inspection.models import Inspection, Product

# Newest images that are counted; a line with one part per second fills them in 5.6 hours.
MAX_COUNTED_IMAGES = 20_000
# A part id is shared by too many images if it exceeds a share of all images, a number of images, and a multiple of
# the other part ids' median number of images: a station may send a dozen views of each part.
MIN_SHARE, MIN_IMAGES, MIN_RATIO = 0.03, 8, 5


def normalize_part_id(text: str) -> str:
    """Return a part id in NFC, because programs encode the same id differently."""
    return unicodedata.normalize("NFC", text)


class PartIdentities:
    """Rules of a product that tell which part ids identify a part."""

    def __init__(self, product: Product) -> None:
        self._placeholders = {_letters_and_digits(line) for line in product.placeholder_part_ids.splitlines()} - {""}
        self._shared = frozenset(product.shared_part_ids)

    def part_id(self, sent: str) -> str:
        """Return the part id in NFC if it identifies a part, else an empty text."""
        return "" if sent in self._shared or self.is_placeholder(sent) else normalize_part_id(sent)

    def is_placeholder(self, sent: str) -> bool:
        """Return True if the text is a placeholder instead of a part id.

        Placeholders are the product's own, repetitions of one character that is a placeholder ("0000"), and texts
        without letters and digits ("?").
        """
        plain = _letters_and_digits(sent)
        return bool(sent) and (
            not plain or plain in self._placeholders or (len(set(plain)) == 1 and plain[0] in self._placeholders)
        )

    def group(self, part: Inspection) -> str:
        """Return the group name of all images of the part; empty if only its file is known."""
        part_id = self.part_id(part.part_id)
        return f"part {part_id}" if part_id else ""

    def names_part(self, group: str) -> bool:
        """Return False if the group's name contains a part id that identifies no part, else True."""
        kind, _, part_id = group.partition(" ")
        return kind != "part" or bool(self.part_id(part_id))

    def name(self, part: Inspection) -> str:
        """Return the part's identity: two images with the same identity count as one observation."""
        return self.names(part)[0]

    def names(self, part: Inspection) -> list[str]:
        """Return the part's identities, strongest first: its group, if it has one, and its file."""
        file = f"file {part.image_sha256}"
        group = self.group(part)
        return [group, file] if group else [file]


def save_shared_part_ids(product: Product, labeled: Iterable[str] = ()) -> None:
    """Store the part ids shared by too many of the newest images, or of the ``labeled`` images."""
    is_placeholder = PartIdentities(product).is_placeholder
    images = Inspection.objects.filter(product=product).order_by("-received_at")
    newest = images.values_list("part_id", flat=True)[:MAX_COUNTED_IMAGES]
    shared = find_shared_part_ids(newest, is_placeholder) | find_shared_part_ids(labeled, is_placeholder)
    if shared != product.shared_part_ids:
        Product.objects.filter(pk=product.pk).update(shared_part_ids=shared)
        product.shared_part_ids = shared


def find_shared_part_ids(part_ids: Iterable[str], is_placeholder: Callable[[str], bool]) -> dict[str, float]:
    """Return the part ids that too many images share, each with its share in [0, 1].

    Images without a part id count in the total. A placeholder is compared with the minimum share and number of images
    only, and does not affect the median of other part ids.
    """
    sent = list(part_ids)
    counts = Counter(filter(None, sent))
    others = {part_id: count for part_id, count in counts.items() if not is_placeholder(part_id)}

    def median_of_others(part_id: str) -> float:
        return median([count for other, count in others.items() if other != part_id] or [1])

    return {
        part_id: round(count / len(sent), 2)
        for part_id, count in sorted(counts.items())
        if count >= MIN_IMAGES
        and count > MIN_SHARE * len(sent)
        and (part_id not in others or count > MIN_RATIO * median_of_others(part_id))
    }


def _letters_and_digits(text: str) -> str:
    """Return the case-folded letters and digits: "No-Read" becomes "noread"."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())
