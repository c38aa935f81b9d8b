"""Names of defect types: letters of every script, digits, hyphens and underscores."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.utils.text import slugify
from django.utils.translation import gettext as _

MAX_TYPE_NAME_LENGTH = 80


def validate_type_name(name: str) -> None:
    """Raise ValidationError for a name that ``normalize_type_name`` would change."""
    if normalize_type_name(name) != name:
        raise ValidationError(_("A name has letters of any script, digits, hyphens and underscores."))


def fold_name(name: str) -> str:
    """Return the key under which spellings of one name are equal.

    Case, letter width, spaces, hyphens and underscores do not count. Accents count: they make other words.
    """
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(part for part in re.split(r"[\s_-]+", plain) if part)


def normalize_type_name(raw_name: str) -> str:
    """Return the defect type's name for a folder's name, at most 80 characters.

    A valid name is kept. Else: lower case, hyphens for spaces, other signs removed. Empty without any letter or digit.
    """
    name = unicodedata.normalize("NFC", raw_name)
    if all(_is_valid_letter(letter) for letter in name) and len(name) <= MAX_TYPE_NAME_LENGTH:
        return name if _has_letters(name) else ""
    spaced = re.sub(r"\s+", "-", name.lower().strip())
    kept = "".join(letter for letter in spaced if _is_valid_letter(letter))
    return re.sub(r"-{2,}", "-", kept).strip("-_")[:MAX_TYPE_NAME_LENGTH] if _has_letters(kept) else ""


def match_type_name(folder: str, names: Iterable[str]) -> str:
    """Return the product's defect type that a folder names; empty for a new type.

    Tried in order: the same name, an equal folded name, the ASCII name that earlier releases made of it.
    """
    type_names = list(names)
    name = normalize_type_name(folder)
    if name in type_names:
        return name
    earlier = slugify(folder)[:MAX_TYPE_NAME_LENGTH]
    folded = (candidate for candidate in type_names if fold_name(candidate) == fold_name(name))
    return next(folded, earlier if earlier in type_names else "")


def _is_valid_letter(letter: str) -> bool:
    # Combining marks are part of the letters of many scripts.
    return letter in "-_" or unicodedata.category(letter)[0] in "LMN"


def _has_letters(name: str) -> bool:
    return any(unicodedata.category(letter)[0] in "LN" for letter in name)
