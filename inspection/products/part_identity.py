"""Identity of a part: its part id, unless that is a placeholder of the code reader or shared by too many images.

A reader that can't read sends one text for every part. Taken for a part id it would join all of them: one group of
the splits, one lot of the holdout, one observation of a replay. An image without an identity is known by its file
alone, and snapshots look which other images it is like. The part id stays stored and shown as it was sent.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from statistics import median

from inspection.models import Inspection, Product


def normalize_part_id(text: str) -> str:
    """Return a part id in Unicode's composed form (NFC): one text that two programs encode differently is one id."""
    return unicodedata.normalize("NFC", text)


# Of the images that are looked at, newest first: a line that sends a part a second fills them in some hours.
MAX_COUNTED_IMAGES = 20_000
# A part id is shared by too many images above this share of them, from so many images on, and where it has several
# times as many as other part ids usually have: a station may send a dozen views of each part.
MIN_SHARE, MIN_IMAGES, MIN_RATIO = 0.03, 8, 5


class PartIdentities:
    """Part ids of a product that name a part."""

    def __init__(self, product: Product) -> None:
        named = {_letters_and_digits(line) for line in product.placeholder_part_ids.splitlines()}
        self._placeholders = named - {""}
        self._shared = frozenset(product.shared_part_ids)

    def part_id(self, sent: str) -> str:
        """Return the part id, composed as new ones are stored, if it names a part, else an empty text."""
        return "" if sent in self._shared or self.is_placeholder(sent) else normalize_part_id(sent)

    def is_placeholder(self, sent: str) -> bool:
        """Return True for a placeholder that the product names, for one sign of them again and again ("0000"), and for
        a text without letters and digits ("?")."""
        plain = _letters_and_digits(sent)
        return bool(sent) and (
            not plain or plain in self._placeholders or _repeated_character(plain) in self._placeholders
        )

    def group(self, part: Inspection) -> str:
        """Return the name of the group of all images of the part; empty where nothing but its file is known."""
        known = self.part_id(part.part_id)
        return f"part {known}" if known else ""

    def names_part(self, group: str) -> bool:
        """Return True unless the group was named by a part id that names no part."""
        kind, _, part_id = group.partition(" ")
        return kind != "part" or bool(self.part_id(part_id))

    def name(self, part: Inspection) -> str:
        """Return what a part is known by: two images of one part are no two observations."""
        return self.names(part)[0]

    def names(self, part: Inspection) -> list[str]:
        """Return what a part is known by, the strongest first: its group, if it has one, and its file."""
        file = f"file {part.image_sha256}"
        group = self.group(part)
        return [group, file] if group else [file]


def save_shared_part_ids(product: Product, labeled: Iterable[str] = ()) -> None:
    """Store the part ids that too many of the product's newest images share, or of the ``labeled`` ones."""
    is_placeholder = PartIdentities(product).is_placeholder
    images = Inspection.objects.filter(product=product).order_by("-received_at")
    newest = images.values_list("part_id", flat=True)[:MAX_COUNTED_IMAGES]
    shared = find_shared_part_ids(newest, is_placeholder) | find_shared_part_ids(labeled, is_placeholder)
    if shared != product.shared_part_ids:
        Product.objects.filter(pk=product.pk).update(shared_part_ids=shared)
        product.shared_part_ids = shared


def find_shared_part_ids(part_ids: Iterable[str], is_placeholder: Callable[[str], bool]) -> dict[str, float]:
    """Return the part ids that too many images share, each with its share in [0, 1]. An image without one counts.

    A placeholder that the product names is held against the share alone, and tells nothing of other part ids.
    """
    every = list(part_ids)
    counts = Counter(filter(None, every))
    others = {part_id: count for part_id, count in counts.items() if not is_placeholder(part_id)}

    def usual(part_id: str) -> float:
        return median([count for other, count in others.items() if other != part_id] or [1])

    return {
        part_id: round(count / len(every), 2)
        for part_id, count in sorted(counts.items())
        if count >= MIN_IMAGES
        and count > MIN_SHARE * len(every)
        and (part_id not in others or count > MIN_RATIO * usual(part_id))
    }


def _letters_and_digits(text: str) -> str:
    """Return the letters and digits, without case: "No-Read" is "noread"."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())


def _repeated_character(plain: str) -> str:
    """Return the one sign that the text repeats, else an empty text."""
    return plain[0] if len(set(plain)) == 1 else ""
