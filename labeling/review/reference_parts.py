"""Reference parts: the most similar labeled parts, good and defective, with their labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from django.db import transaction

from inspection.models import Embedding, Inspection
from inspection.products.part_identity import PartIdentities
from inspection.scoring import part_embeddings
from inspection.scoring.similar_parts import nearest_labeled
from labeling.models import DefectType, Label
from labeling.rechecks import recheck_resolution
from mltasks.registry import registry
from mltasks.vision.types import DEFECT, GOOD

MAX_REFERENCES = 3
# Reserve for other images of the part itself, which are left out of a blind review.
EXTRA_NEIGHBOURS = 5


class ComparisonStatus(StrEnum):
    """Status of a comparison: possible, or the reason why not."""

    YES = "yes"
    NOT_YET = "not_yet"
    NO_VERSION = "no_version"
    OLD_VERSION = "old_version"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class ReferencePart:
    """Labeled part with its standing label and the cosine similarity."""

    part: Inspection
    label: Label
    similarity: float

    @property
    def defect_type(self) -> DefectType | None:
        """Return the label's type, or the type it was merged into."""
        return self.label.defect_type.current if self.label.defect_type else None


@dataclass(frozen=True, slots=True)
class ReferenceParts:
    """Reference parts, most similar first, up to ``MAX_REFERENCES`` a class; none unless YES."""

    status: ComparisonStatus
    good: list[ReferencePart] = field(default_factory=list)
    defective: list[ReferencePart] = field(default_factory=list)


def most_similar(part: Inspection) -> ReferenceParts:
    """Return the labeled parts of the same product that are most similar, never the part itself.

    While the part has an open recheck, other images of it are left out too: their labels would reveal its own.
    """
    embedding = Embedding.objects.filter(pk=part.pk).first()
    if embedding is None:
        return ReferenceParts(_status_without_embedding(part))
    if part_embeddings.has_no_embedding(embedding):
        return ReferenceParts(ComparisonStatus.UNREADABLE)
    blind = recheck_resolution.find_open_recheck(part) is not None
    with transaction.atomic():
        good, defective = (_find_references(part, embedding, target, blind) for target in (GOOD, DEFECT))
    return ReferenceParts(ComparisonStatus.YES, good, defective)


def update_embedding_target(part: Inspection) -> None:
    """Copy the standing label to the embedding, in the label's transaction, part locked."""
    label = Label.objects.filter(inspection=part).standing().first()
    target = label.target if label else None
    Embedding.objects.filter(pk=part.pk).exclude(target=target).update(target=target)


def _status_without_embedding(part: Inspection) -> ComparisonStatus:
    version = registry.champion(part.product.registered_model)
    if version is None:
        return ComparisonStatus.NO_VERSION
    return ComparisonStatus.NOT_YET if version.embedding_space else ComparisonStatus.OLD_VERSION


def _find_references(part: Inspection, embedding: Embedding, target: int, blind: bool) -> list[ReferencePart]:
    near = nearest_labeled(embedding, target, MAX_REFERENCES + EXTRA_NEIGHBOURS if blind else MAX_REFERENCES)
    standing = Label.objects.filter(inspection__in=[match.inspection for match in near]).standing()
    label_of = {label.inspection_id: label for label in standing.select_related("defect_type__merged_into")}
    references = [
        ReferencePart(match.inspection, label_of[match.inspection.pk], match.similarity)
        for match in near
        if match.inspection.pk in label_of and not (blind and _is_same_part(part, match.inspection))
    ]
    return references[:MAX_REFERENCES]


def _is_same_part(part: Inspection, other: Inspection) -> bool:
    group = PartIdentities(part.product).group(part)
    same_id = bool(group) and part.part_id == other.part_id
    return same_id or part.image_sha256 == other.image_sha256
