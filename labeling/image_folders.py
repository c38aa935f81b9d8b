"""The ImageFolder layout: one folder a class, ``good/`` and its synonyms for good parts, all others by defect type."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from django.utils.text import slugify

from mltasks.vision.folders import GOOD_FOLDERS, IMAGE_SUFFIXES

UNNAMED_DEFECT = "bad"
TYPE_NAME_LENGTH = 80
_VALID_NAME = re.compile(r"[-a-zA-Z0-9_]+")


class NotAnImageFolder(ValueError):  # noqa: N818 - what the person gave, in words
    """The path is no folder, or has no class folder in it."""


class Unfit(NamedTuple):
    """A file or folder that was not taken: its path below the root, a stable code, and why in words."""

    name: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One file to import. An empty ``defect_type`` of a defective part is the unnamed one."""

    path: Path
    folder: str
    good: bool
    defect_type: str

    @property
    def name(self) -> str:
        """The path below the root."""
        return f"{self.folder}/{self.path.name}"


@dataclass(slots=True)
class Listing:
    """What lies in an image folder: files to import in a stable order, what can't be, and what is none of ours."""

    entries: list[Entry] = field(default_factory=list)
    refused: list[Unfit] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def read_folder(root: Path, skip: Collection[str] = ()) -> Listing:
    """List a folder in the ImageFolder layout. Nothing is passed over in silence: what is not listed to import is
    refused or left out by name. Raises NotAnImageFolder."""
    if not root.is_dir():
        raise NotAnImageFolder(f"There is no folder {root}.")
    listing = Listing()
    classes = 0
    for path in sorted(root.iterdir()):
        if path.name in skip or path.name.startswith("."):
            listing.left_out.append(path.name)
        elif path.is_dir():
            classes += 1
            _read_class(path, listing)
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            why = "The image lies in no class folder, so nothing says what it shows."
            listing.refused.append(Unfit(path.name, "no_label", why))
        else:
            listing.left_out.append(path.name)
    if not classes:
        raise NotAnImageFolder(f"{root} has no class folder: put images into good/ and into a folder a defect type.")
    return listing


def defect_type_of(folder: str) -> str:
    """The defect type's name that a folder stands for: its own where that is valid, else made so; empty if it can't."""
    if _VALID_NAME.fullmatch(folder) and len(folder) <= TYPE_NAME_LENGTH:
        return folder
    return slugify(folder)[:TYPE_NAME_LENGTH]


def _read_class(folder: Path, listing: Listing) -> None:
    good = folder.name.lower() in GOOD_FOLDERS
    unnamed = good or folder.name.lower() == UNNAMED_DEFECT
    kind = "" if unnamed else defect_type_of(folder.name)
    if not unnamed and not kind:
        why = "A defect type needs letters or digits in its name; rename the folder."
        listing.refused.append(Unfit(f"{folder.name}/", "invalid_defect_type", why))
        return
    for path in _visible(folder, listing):
        if path.is_dir():
            why = "Folders inside a class folder are not read; move the images up."
            listing.refused.append(Unfit(f"{folder.name}/{path.name}/", "nested_folder", why))
        else:
            listing.entries.append(Entry(path, folder.name, good, kind))


def _visible(folder: Path, listing: Listing) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            listing.left_out.append(f"{folder.name}/{path.name}")
        else:
            yield path
