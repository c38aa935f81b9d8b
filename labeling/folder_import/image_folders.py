"""The ImageFolder layout: one folder a class, ``good/`` and its synonyms for good parts, all others by defect type."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from labeling.folder_import import folder_names
from labeling.folder_import.folder_names import UNNAMED_DEFECT
from labeling.models import type_names
from labeling.models.type_names import fold
from mltasks.text.file_names import printable, readable
from mltasks.vision.types import IMAGE_SUFFIXES


class NotAnImageFolder(ValueError):  # noqa: N818 - what the person gave, in words
    """The path is no folder, or has no class folder in it."""


class Unfit(NamedTuple):
    """A file or folder that was not taken: its path below the root, a stable code, and why in words."""

    name: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Names:
    """Meaning of folder names: ``good`` are further names of good parts, ``defects`` are names that read like good
    parts and are none, ``types`` the product's defect types; folders named in ``skip`` are left out."""

    skip: Collection[str] = ()
    good: Collection[str] = ()
    defects: Collection[str] = ()
    types: Collection[str] = ()

    def left_out(self, name: str) -> bool:
        """Return True if the file or folder is none of ours."""
        return name in self.skip or name.strip() in self.skip or folder_names.is_leftover(name)


@dataclass(slots=True)
class ClassFolder:
    """One class folder and what it is taken for. A defective one without a ``defect_type`` is the unnamed one; ``same``
    is a defect type or folder of another spelling that it counts for."""

    name: str
    good: bool
    defect_type: str = ""
    same: str = ""
    images: int = 0

    def __str__(self) -> str:
        meaning = "good parts" if self.good else f"defect type {self.defect_type}" if self.defect_type else "defective"
        same = f", the same as {self.same}" if self.same else ""
        return f"{printable(self.name)}/: {meaning}{same}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file to import. An empty ``defect_type`` of a defective part is the unnamed one."""

    path: Path
    folder: str
    good: bool
    defect_type: str

    @property
    def name(self) -> str:
        """The path below the root, as valid text."""
        return readable(f"{self.folder}/{self.path.name}")


@dataclass(slots=True)
class Listing:
    """Contents of an image folder: class folders, files to import in a stable order, files that can't be imported, and
    leftovers of other programs."""

    folders: list[ClassFolder] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    refused: list[Unfit] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def refuse(self, name: str, code: str, detail: str) -> None:
        """Name a file or folder that can't be taken."""
        self.refused.append(Unfit(readable(name), code, detail))


def read_folder(root: Path, names: Names = Names()) -> Listing:
    """List a folder in the ImageFolder layout. Nothing is passed over in silence: what is not listed to import is
    refused or left out by name. Raises NotAnImageFolder."""
    if not root.is_dir():
        raise NotAnImageFolder(f"There is no folder {root}.")
    try:
        paths = sorted(root.iterdir())
    except OSError as error:
        raise NotAnImageFolder(f"{root} can't be read: {error.strerror}.") from None
    listing = Listing()
    has_classes = False
    for path in paths:
        if names.left_out(path.name):
            listing.left_out.append(readable(path.name))
        elif path.is_dir():
            has_classes = True
            _read_class(path, names, listing)
        elif path.is_symlink() and not path.exists():
            listing.refuse(path.name, "unreadable", "The link leads nowhere; correct or remove it.")
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            why = "The image lies in no class folder, so nothing says what it shows."
            listing.refuse(path.name, "no_label", why)
        else:
            listing.left_out.append(readable(path.name))
    if not has_classes:
        raise NotAnImageFolder(f"{root} has no class folder: put images into good/ and into a folder a defect type.")
    return listing


def _read_class(path: Path, names: Names, listing: Listing) -> None:
    folder = _meaning(path.name, names, listing)
    if folder is None:
        return
    before = len(listing.refused)
    try:
        files = list(_files(path, listing))
    except OSError as error:
        listing.refuse(f"{path.name}/", "unreadable", f"{error.strerror}: let this program's user read the folder.")
        return
    folder.images = len(files)
    listing.entries += [Entry(file, folder.name, folder.good, folder.defect_type) for file in files]
    listing.folders.append(folder)
    if not folder.images and len(listing.refused) == before:
        why = "There is no image in the folder: put some in, remove it, or leave it out by --skip."
        listing.refuse(f"{path.name}/", "empty_folder", why)


def _meaning(name: str, names: Names, listing: Listing) -> ClassFolder | None:
    """Return what the folder is taken for; None for one that is refused."""
    if folder_names.is_good(name, names.good):
        return ClassFolder(name, good=True)
    if fold(name) == UNNAMED_DEFECT:
        return ClassFolder(name, good=False)
    if folder_names.looks_good(name) and fold(name) not in {fold(one) for one in names.defects}:
        shown = printable(name)
        why = (
            f"The name reads like one of good parts. If they are good, run it again with --good '{shown}'; if "
            f"{shown} is a defect type, with --defect '{shown}'."
        )
        listing.refuse(f"{name}/", "ambiguous_folder", why)
        return None
    kind = type_names.defect_type_of(name)
    if not kind or readable(name) != name:
        why = "A defect type needs letters or digits in its name, in UTF-8; rename the folder."
        listing.refuse(f"{name}/", "invalid_defect_type", why)
        return None
    return _typed(name, kind, names, listing)


def _typed(name: str, kind: str, names: Names, listing: Listing) -> ClassFolder:
    """Return the folder with the defect type that it counts for: the product's, that of a folder before, or its own."""
    known = type_names.same_type(name, names.types)
    if known:
        return ClassFolder(name, False, known, same=f"the product's type {known}" if known != name else "")
    twin = next((one for one in listing.folders if not one.good and fold(one.defect_type) == fold(kind)), None)
    if twin is not None:
        return ClassFolder(name, False, twin.defect_type, same=f"{printable(twin.name)}/")
    return ClassFolder(name, False, kind)


def _files(folder: Path, listing: Listing) -> Iterator[Path]:
    """Yield the files of a class folder; refuse or leave out everything else by name."""
    for path in sorted(folder.iterdir()):
        name = f"{folder.name}/{path.name}"
        if folder_names.is_leftover(path.name):
            listing.left_out.append(readable(name))
        elif path.is_dir():
            why = "Folders inside a class folder are not read; move the images up."
            listing.refuse(f"{name}/", "nested_folder", why)
        elif path.exists() and not path.is_file():
            listing.refuse(name, "not_a_file", "A pipe, device or socket is no image file; remove it.")
        else:
            yield path
