"""Evidence about a fast path in use: what the full graph says later about the parts that the fast path passed."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from inspection.models import FastPath, Inspection, InspectionQuerySet, Product, Reason, Verdict
from inspection.products import products
from inspection.products.bands import serving_fast_path
from mltasks.models import ModelVersion
from mltasks.registry import registry
from mltasks.vision.guarantees.escape_guarantee import clopper_pearson_bound
from mltasks.vision.guarantees.screening_certificate import leak_is_refuted


@dataclass(frozen=True, slots=True)
class FastPathEvidence:
    """Numbers of parts since a fast path was learned.

    - ``passed``: passed by the fast path; ``waiting`` of these wait for the full graph's answer
    - ``leaks``: of the answered ones, those that the full graph would not have passed
    - ``not_passed``: all parts that the full graph did not or would not have passed, audits left out
    - ``leak_bound``: upper bound of the leaked share at the certificate's confidence; None without such parts
    - ``refuted``: the leaked share is above the certificate's, at every look with 95 % confidence
    """

    passed: int
    waiting: int
    leaks: int
    not_passed: int
    leak_bound: float | None
    refuted: bool


def evidence(learned: FastPath) -> FastPathEvidence:
    """Count the parts of a fast path; index-only scans of its own parts, and of the parts not passed since."""
    parts = Inspection.objects.filter(fast_path=learned)
    passed, waiting = parts.count(), parts.filter(full_graph_passes__isnull=True).count()
    leaks = leaked_parts(learned).count()
    not_passed = leaks + _not_passed_by_full_graph(learned).count()
    terms = learned.certificate
    bound = clopper_pearson_bound(leaks, not_passed, terms.confidence) if not_passed else None
    return FastPathEvidence(
        passed, waiting, leaks, not_passed, bound, leak_is_refuted(leaks, not_passed, terms.leak_share)
    )


def leaked_parts(learned: FastPath) -> InspectionQuerySet:
    """Return the parts that the fast path passed and the full graph would not have passed, to be contained."""
    return Inspection.objects.filter(fast_path=learned, full_graph_passes=False)


def products_to_learn() -> list[Product]:
    """Return the products whose fast path is enabled and does not serve beside the present champion."""
    enabled = Product.objects.filter(fast_path_enabled=True).select_related("fast_path", "registered_model")
    states = [(product, *champion_fast_path(product)) for product in enabled]
    return [product for product, version, serving in states if version and not serving]


def switch_off_refuted() -> list[Product]:
    """Switch off each fast path whose certificate the full graph's later answers refute; return their products.

    The audit log records the numbers as the reason.
    """
    enabled = Product.objects.filter(fast_path_enabled=True, fast_path__isnull=False)
    return [product for product in enabled.select_related("fast_path", "registered_model") if _switch_off(product)]


def _switch_off(product: Product) -> bool:
    _version, learned = champion_fast_path(product)
    # Counting what the full graph did not pass takes longer, and only leaks refute.
    if learned is None or not leaked_parts(learned).exists():
        return False
    found = evidence(learned)
    if not found.refuted:
        return False
    product.fast_path_enabled = False
    reason = _(
        "Switched off by itself: of {not_passed} parts that the full model does not pass, the fast path passed "
        "{leaks}, more than the certified share of {share:.1%}."
    )
    products.change(
        product,
        by=None,
        reason=reason.format(not_passed=found.not_passed, leaks=found.leaks, share=learned.certificate.leak_share),
    )
    return True


def champion_fast_path(product: Product) -> tuple[ModelVersion | None, FastPath | None]:
    """Return the champion, and the fast path that serves beside the champion, if any."""
    version = registry.champion(product.registered_model)
    return version, serving_fast_path(product, version) if version else None


def _not_passed_by_full_graph(learned: FastPath) -> InspectionQuerySet:
    since = Inspection.objects.filter(product=learned.product_id, received_at__gte=learned.created_at)
    by_graph = since.filter(model_version=learned.version_id, fast_path__isnull=True)
    not_passed = by_graph.filter(verdict__in=[Verdict.FAIL, Verdict.REVIEW])
    # Damaged images never reach the fast path, and audits would have passed or failed by chance of the draw.
    return not_passed.exclude(reasons__contains=[Reason.AUDIT_SAMPLE]).exclude(reasons__contains=[Reason.DAMAGED_IMAGE])
