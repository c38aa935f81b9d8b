"""Gallery of a product's defect types: number of labels and examples of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, OuterRef, Q, Subquery

from inspection.models import Inspection, Product
from labeling.datasets.datasets import standing_labels
from labeling.datasets.defect_type_service import active_types
from labeling.models import DefectExample, DefectType, Label

MAX_EXAMPLE_CHOICES = 24


@dataclass(frozen=True)
class DefectTypeCard:
    """Defect type with the number of standing labels that count for it, and its examples."""

    defect_type: DefectType
    label_count: int
    examples: list[DefectExample]


def load_cards(product: Product) -> list[DefectTypeCard]:
    """Return the cards of the active types, in the order of their keys."""
    own = label_count_by_type(product)
    counts = Counter(own)
    for merged in merged_types(product):
        counts[merged.current.pk] += own.get(merged.pk, 0)
    examples: defaultdict[int, list[DefectExample]] = defaultdict(list)
    rows = DefectExample.objects.filter(defect_type__product=product).select_related("inspection")
    for example in rows.order_by("created_at", "pk"):
        examples[example.defect_type_id].append(example)
    return [DefectTypeCard(kind, counts[kind.pk], examples[kind.pk]) for kind in active_types(product)]


def load_card(defect_type: DefectType) -> DefectTypeCard:
    """Return the card of one active type."""
    return next(card for card in load_cards(defect_type.product) if card.defect_type == defect_type)


def merged_type_cards(product: Product) -> list[DefectTypeCard]:
    """Return merged or renamed types, newest first, each with the labels given under its name."""
    own = label_count_by_type(product)
    return [DefectTypeCard(kind, own.get(kind.pk, 0), []) for kind in merged_types(product)]


def merged_types(product: Product) -> Iterable[DefectType]:
    """Return the types that count for another type, newest first."""
    old = product.defect_types.filter(merged_into__isnull=False)
    return old.select_related("merged_into").order_by("-merged_at", "name")


def label_count_by_type(product: Product) -> dict[int, int]:
    """Return the number of standing labels by the key of the type that they carry."""
    standing = standing_labels(product).select_related(None).values("pk")
    labels = Label.objects.filter(pk__in=standing, defect_type__isnull=False)
    return dict(labels.order_by().values_list("defect_type").annotate(Count("pk")))


def newest_parts_of_type(defect_type: DefectType) -> list[Inspection]:
    """Return at most ``MAX_EXAMPLE_CHOICES`` newest parts labeled with the type, no examples."""
    carried = Q(defect_type=defect_type) | Q(defect_type__merged_into=defect_type)
    of_part = Label.objects.not_undone().filter(inspection=OuterRef("inspection")).order_by("-created_at", "-pk")
    labels = Label.objects.filter(carried, pk=Subquery(of_part.values("pk")[:1]))
    new = labels.exclude(inspection__in=defect_type.examples.values("inspection"))
    newest = new.select_related("inspection").order_by("-created_at", "-pk")[:MAX_EXAMPLE_CHOICES]
    return [label.inspection for label in newest]
