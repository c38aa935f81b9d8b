"""Masks of an imported folder: PNG files with the names of the images, below a folder of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from inspection.intake.intake_steps import check_file_size
from labeling.folder_import.image_folders import ImportEntry, NotAnImageFolder
from mltasks.refusals import Refusal
from mltasks.text.file_names import readable_filename
from mltasks.vision.data.decoding import load
from mltasks.vision.data.defect_masks import normalize_mask
from mltasks.vision.data.image_header import ImageError, Limits
from mltasks.vision.types import InputSize

SUFFIX = ".png"


class InvalidMask(Refusal):
    """Mask that can't be used with its image."""

    code = "invalid_mask"


@dataclass(frozen=True, slots=True)
class FolderMasks:
    """Masks by the image files that they belong to, and the names of masks without an image."""

    paths: dict[Path, Path] = field(default_factory=dict)
    unmatched: list[str] = field(default_factory=list)

    def read(self, entry: ImportEntry) -> bytes:
        """Return the image's mask in its stored form; empty without a mask, and for a black one of a good part.

        Raises InvalidMask for a mask that is no readable PNG of the image's upright size, for a black mask of a
        defective part, and for any other mask of a good part. Raises ImageError and FileTooLarge for the image, and
        OSError.
        """
        path = self.paths.get(entry.path)
        if path is None:
            return b""
        size = _upright_size(entry.path)
        try:
            png = _read(path, size)
        except (ImageError, Refusal) as error:
            raise InvalidMask(f"{_shown(path)}: {error.detail}") from error
        except OSError as error:
            raise InvalidMask(f"{_shown(path)}: {error.strerror or error}") from error
        if entry.good and png:
            raise InvalidMask(f"{_shown(path)} marks a defect, but its image is in the folder {entry.folder}/.")
        if not entry.good and not png:
            raise InvalidMask(f"{_shown(path)} is black everywhere. Draw the defect, or remove the mask.")
        return png


def find_masks(root: Path, entries: Iterable[ImportEntry]) -> FolderMasks:
    """Find the mask ``root/<folder>/<stem>.png`` of each image. Raises NotAnImageFolder if no image has one."""
    if not root.is_dir():
        raise NotAnImageFolder(f"The folder of masks {root} does not exist.")
    present = {path for path in root.glob("*/*") if path.suffix.lower() == SUFFIX}
    by_name = {(path.parent.name, path.stem): path for path in sorted(present)}
    names = {entry.path: by_name.get((entry.folder, entry.path.stem)) for entry in entries}
    paths = {image: mask for image, mask in names.items() if mask is not None}
    if not paths:
        raise NotAnImageFolder(
            f"No image has a mask in {root}. Masks have the names of the images: scratch/07.png for scratch/07.jpg."
        )
    return FolderMasks(paths, sorted(map(_shown, present - set(paths.values()))))


def _upright_size(image: Path) -> tuple[int, int]:
    with image.open("rb") as stream:
        check_file_size(stream)
        loaded = load(stream, size=InputSize(1, 1), limits=_limits(), bit_depth=lambda needed: needed)
    return loaded.width, loaded.height


def _read(mask: Path, size: tuple[int, int]) -> bytes:
    if not mask.is_file():
        raise InvalidMask("This is not a file. Remove it.")
    with mask.open("rb") as stream:
        check_file_size(stream)
        return normalize_mask(stream, size, _limits())


def _limits() -> Limits:
    return Limits(max_pixels=settings.MAX_IMAGE_PIXELS)


def _shown(mask: Path) -> str:
    return readable_filename(f"{mask.parent.name}/{mask.name}")
