"""Labels that images have before a folder is imported: of people and of earlier imports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.utils import timezone

from inspection.models import Inspection, Product, Verdict
from labeling.models import Label, Recheck
from labeling.models.defect_types import current_type_name
from labeling.rechecks.recheck_resolution import verdicts_agree

NamedVerdict = tuple[str, str]


@dataclass(slots=True)
class EarlierLabels:
    """Locked inspections of one image, and its labels.

    ``human_label`` is a person's standing label, or an import's that overruled one. ``imported_label`` is an earlier
    import's, also if it was undone: a repeated import finds it.
    """

    inspections: list[Inspection] = field(default_factory=list)
    human_label: Label | None = None
    imported_label: Label | None = None
    disputed: bool = False

    def allows(self, pair: NamedVerdict) -> bool:
        """Return True if a folder's verdict and type contradict no label."""
        if self.disputed:
            return False
        if self.human_label is not None:
            return verdicts_agree(named_verdict_of(self.human_label), pair)
        return self.imported_label is None or named_verdict_of(self.imported_label) == pair

    def describe_conflict(self, folder: str) -> str:
        """Return which label contradicts the folder, and what to do."""
        if self.disputed:
            conflict = f"Two people differ on this image, which is in the folder {folder}/ now"
        elif self.human_label is not None:
            at = timezone.localtime(self.human_label.created_at).date()
            author = self.human_label.reviewer or "An import"
            conflict = f"{author} labeled the image {self.human_label} on {at}, but it is in the folder {folder}/ now"
        else:
            return describe_earlier_import(
                named_verdict_of(self.imported_label) if self.imported_label else ("", ""), folder
            )
        return f"{conflict}. The human verdict counts: move the file, or run the import again with --overrule REASON."

    def conflicting_inspections(self, pair: NamedVerdict) -> Iterator[Inspection]:
        """Yield inspections whose standing label differs, and imported ones whose label was undone."""
        standing = Label.objects.filter(inspection__in=self.inspections).standing()
        label_of = {label.inspection_id: label for label in standing.select_related("defect_type__merged_into")}
        for part in self.inspections:
            label = label_of.get(part.pk)
            if label is None:
                contradicts = part.source == Inspection.Source.IMPORT
            else:
                contradicts = self.disputed or not verdicts_agree(named_verdict_of(label), pair)
            if contradicts:
                yield part


def named_verdict_of(label: Label) -> NamedVerdict:
    """Return the label's verdict and its type's name today."""
    return label.verdict, current_type_name(label.defect_type)


def describe_earlier_import(pair: NamedVerdict, folder: str) -> str:
    """Return which label another folder gave to the same image."""
    label = "good" if pair[0] == Verdict.PASS else pair[1] or "defective"
    return f"The same image was imported as {label} before, but it is in the folder {folder}/ now."


def load_locked_labels(product: Product, sha256s: Sequence[str]) -> dict[str, EarlierLabels]:
    """Lock the product's inspections of these images and return their labels, by sha256.

    People's verdicts on them wait until the transaction ends, so that none is written between reading and writing.
    """
    same = Inspection.objects.filter(product=product, image_sha256__in=sha256s)
    locked = list(same.select_for_update(of=("self",), no_key=True).select_related("product").order_by("pk"))
    disputed = set(Recheck.objects.disputed().filter(inspection__in=locked).values_list("inspection", flat=True))
    earlier: dict[str, EarlierLabels] = {}
    for part in locked:
        of_image = earlier.setdefault(part.image_sha256, EarlierLabels())
        of_image.inspections.append(part)
        of_image.disputed |= part.pk in disputed
    labels = Label.objects.filter(inspection__in=locked).select_related("inspection", "reviewer", "undo")
    for label in sorted(labels.select_related("defect_type__merged_into"), key=lambda label: label.precedence):
        _add_label(earlier[label.inspection.image_sha256], label)
    return earlier


def _add_label(earlier: EarlierLabels, label: Label) -> None:
    """Add a label; the last one of each kind counts."""
    undone = getattr(label, "undo", None) is not None
    overruled = label.provenance == Label.Provenance.OVERRULED
    if label.source == Label.Source.IMPORT and label.inspection.source == Inspection.Source.IMPORT:
        earlier.imported_label = label
    if not undone and (overruled or label.source != Label.Source.IMPORT):
        earlier.human_label = label
