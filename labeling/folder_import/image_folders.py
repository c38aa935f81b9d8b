"""ImageFolder layout: one folder a class, ``good/`` and synonyms, all others defect types."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from labeling.folder_import import folder_names
from labeling.folder_import.folder_names import UNNAMED_DEFECT_FOLDER
from labeling.models import type_names
from labeling.models.type_names import fold_name
from mltasks.text.file_names import printable_filename, readable_filename
from mltasks.vision.types import IMAGE_SUFFIXES


class NotAnImageFolder(ValueError):  # noqa: N818 - named after the input, for people
    """Path that is no folder or has no class folder."""


class RefusedPath(NamedTuple):
    """File or folder that can't be imported: path below the root, stable code, reason."""

    name: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class FolderNames:
    """Meaning of folder names.

    ``good`` are further names of good parts. ``defects`` are defect types whose names read like good parts. ``types``
    are the product's defect types. Folders in ``skip`` are left out.
    """

    skip: Collection[str] = ()
    good: Collection[str] = ()
    defects: Collection[str] = ()
    types: Collection[str] = ()

    def leaves_out(self, name: str) -> bool:
        """Return True if the file or folder is skipped or a leftover."""
        return name in self.skip or name.strip() in self.skip or folder_names.is_leftover(name)


@dataclass(slots=True)
class ClassFolder:
    """Class folder and its meaning.

    A defective folder without a ``defect_type`` is the unnamed defect. ``same_as`` is the defect type or folder of
    another spelling that it counts for.
    """

    name: str
    good: bool
    defect_type: str = ""
    same_as: str = ""
    images: int = 0

    def __str__(self) -> str:
        meaning = "good parts" if self.good else f"defect type {self.defect_type}" if self.defect_type else "defective"
        same = f", the same as {self.same_as}" if self.same_as else ""
        return f"{printable_filename(self.name)}/: {meaning}{same}"


@dataclass(frozen=True, slots=True)
class ImportEntry:
    """File to import. A defective part with an empty ``defect_type`` has the unnamed defect."""

    path: Path
    folder: str
    good: bool
    defect_type: str

    @property
    def name(self) -> str:
        """Return the path below the root, as valid text."""
        return readable_filename(f"{self.folder}/{self.path.name}")


@dataclass(slots=True)
class FolderListing:
    """Class folders, files to import in a stable order, refused paths and leftovers."""

    folders: list[ClassFolder] = field(default_factory=list)
    entries: list[ImportEntry] = field(default_factory=list)
    refused: list[RefusedPath] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def refuse(self, name: str, code: str, detail: str) -> None:
        """Add a file or folder that can't be imported."""
        self.refused.append(RefusedPath(readable_filename(name), code, detail))


def read_folder(root: Path, names: FolderNames = FolderNames()) -> FolderListing:
    """List or refuse every path of an ImageFolder by name. Raises NotAnImageFolder."""
    if not root.is_dir():
        raise NotAnImageFolder(f"The folder {root} does not exist.")
    try:
        paths = sorted(root.iterdir())
    except OSError as error:
        raise NotAnImageFolder(f"{root} cannot be read: {error.strerror}.") from None
    listing = FolderListing()
    has_classes = False
    for path in paths:
        if names.leaves_out(path.name):
            listing.left_out.append(readable_filename(path.name))
        elif path.is_dir():
            has_classes = True
            _read_class_folder(path, names, listing)
        elif path.is_symlink() and not path.exists():
            listing.refuse(
                path.name, "unreadable", "The target of the link does not exist. Correct or remove the link."
            )
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            why = "The image is in no class folder, so it has no label. Move it into a class folder."
            listing.refuse(path.name, "no_label", why)
        else:
            listing.left_out.append(readable_filename(path.name))
    if not has_classes:
        raise NotAnImageFolder(
            f"{root} has no class folder. Put good images into good/, and defective ones into a folder per defect type."
        )
    return listing


def _read_class_folder(path: Path, names: FolderNames, listing: FolderListing) -> None:
    folder = _classify_folder(path.name, names, listing)
    if folder is None:
        return
    before = len(listing.refused)
    try:
        files = list(_image_files(path, listing))
    except OSError as error:
        listing.refuse(
            f"{path.name}/", "unreadable", f"{error.strerror}. Allow this program's user to read the folder."
        )
        return
    folder.images = len(files)
    listing.entries += [ImportEntry(file, folder.name, folder.good, folder.defect_type) for file in files]
    listing.folders.append(folder)
    if not folder.images and len(listing.refused) == before:
        why = "The folder has no image. Add images, remove the folder, or leave it out with --skip."
        listing.refuse(f"{path.name}/", "empty_folder", why)


def _classify_folder(name: str, names: FolderNames, listing: FolderListing) -> ClassFolder | None:
    """Return the class folder; None for a refused one."""
    if folder_names.is_good_folder(name, names.good):
        return ClassFolder(name, good=True)
    if fold_name(name) == UNNAMED_DEFECT_FOLDER:
        return ClassFolder(name, good=False)
    if folder_names.reads_like_good(name) and fold_name(name) not in set(map(fold_name, names.defects)):
        shown = printable_filename(name)
        why = (
            f"The name reads like good parts. If the parts are good, run the import again with --good '{shown}'. If "
            f"{shown} is a defect type, use --defect '{shown}'."
        )
        listing.refuse(f"{name}/", "ambiguous_folder", why)
        return None
    kind = type_names.normalize_type_name(name)
    if not kind or readable_filename(name) != name:
        why = "The name of a defect type needs letters or digits, in UTF-8. Rename the folder."
        listing.refuse(f"{name}/", "invalid_defect_type", why)
        return None
    return _with_defect_type(name, kind, names, listing)


def _with_defect_type(name: str, type_name: str, names: FolderNames, listing: FolderListing) -> ClassFolder:
    """Return the folder with its defect type: the product's, an earlier folder's, or its own."""
    existing = type_names.match_type_name(name, names.types)
    if existing:
        return ClassFolder(name, False, existing, same_as=f"the product's type {existing}" if existing != name else "")
    for folder in listing.folders:
        if not folder.good and fold_name(folder.defect_type) == fold_name(type_name):
            return ClassFolder(name, False, folder.defect_type, same_as=f"{printable_filename(folder.name)}/")
    return ClassFolder(name, False, type_name)


def _image_files(folder: Path, listing: FolderListing) -> Iterator[Path]:
    """Yield the files of a class folder; refuse or leave out everything else by name."""
    for path in sorted(folder.iterdir()):
        name = f"{folder.name}/{path.name}"
        if folder_names.is_leftover(path.name):
            listing.left_out.append(readable_filename(name))
        elif path.is_dir():
            why = "Folders inside a class folder are not imported. Move the images up."
            listing.refuse(f"{name}/", "nested_folder", why)
        elif path.exists() and not path.is_file():
            listing.refuse(name, "not_a_file", "A pipe, device or socket is not an image file. Remove it.")
        else:
            yield path
