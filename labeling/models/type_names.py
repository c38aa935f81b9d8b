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
    """Refuse a name that ``normalize_type_name`` would not leave as it is. Raises ValidationError."""
    if normalize_type_name(name) != name:
        raise ValidationError(_("A name has letters of any script, digits, hyphens and underscores."))


def fold_name(name: str) -> str:
    """Return what names have in common that are one name to a reader: case, width of letters, spaces, hyphens and
    underscores do not count. Accents do: they make other words."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(part for part in re.split(r"[\s_-]+", plain) if part)


def normalize_type_name(raw_name: str) -> str:
    """Return the defect type's name that a folder stands for, at most 80 characters: its own where that is valid, else
    in small letters with hyphens for spaces and without other signs; empty without any letter or digit."""
    name = unicodedata.normalize("NFC", raw_name)
    if all(_is_valid_letter(letter) for letter in name) and len(name) <= MAX_TYPE_NAME_LENGTH:
        return name if _has_letters(name) else ""
    spaced = re.sub(r"\s+", "-", name.lower().strip())
    kept = "".join(letter for letter in spaced if _is_valid_letter(letter))
    return re.sub(r"-{2,}", "-", kept).strip("-_")[:MAX_TYPE_NAME_LENGTH] if _has_letters(kept) else ""


def match_type_name(folder: str, names: Iterable[str]) -> str:
    """Return which of a product's defect types the folder means, empty for a new one: the same name, an equal one after
    folding, or the name that earlier programs made of it, in plain Latin letters."""
    known = list(names)
    name = normalize_type_name(folder)
    if name in known:
        return name
    earlier = slugify(folder)[:MAX_TYPE_NAME_LENGTH]
    folded = (one for one in known if fold_name(one) == fold_name(name))
    return next(folded, earlier if earlier in known else "")


def _is_valid_letter(letter: str) -> bool:
    # Marks belong to the letters of many scripts.
    return letter in "-_" or unicodedata.category(letter)[0] in "LMN"


def _has_letters(name: str) -> bool:
    return any(unicodedata.category(letter)[0] in "LN" for letter in name)
