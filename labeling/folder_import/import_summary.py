"""Result of an import, in numbers and refused paths."""

from __future__ import annotations

from dataclasses import dataclass, field

from labeling.folder_import.image_folders import RefusedPath

LABELED_OTHERWISE = "labeled_otherwise"


@dataclass(slots=True)
class ImportSummary:
    """Result of an import.

    ``refused`` needs a person; ``left_out`` was skipped on purpose or hidden. ``good`` and ``defective`` count images
    imported or overruled. ``masks`` counts stored masks, ``masks_left_out`` those of images that people labeled.
    ``bit_depth`` is that of 16-bit images whose files state none, 0 without such images.
    """

    imported: int = 0
    already_imported: int = 0
    overruled: int = 0
    good: int = 0
    defective: int = 0
    masks: int = 0
    masks_left_out: int = 0
    refused: list[RefusedPath] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    bit_depth: int = 0

    @property
    def files_done(self) -> int:
        """Return the number of files imported, known, overruled or refused."""
        return self.imported + self.already_imported + self.overruled + len(self.refused)

    @property
    def labeled_otherwise(self) -> int:
        """Return the number of files that contradict a person or another folder."""
        return sum(unfit.code == LABELED_OTHERWISE for unfit in self.refused)
