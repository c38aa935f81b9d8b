"""Bands and routing policy that follow from a product's costs, guarantee and version.

Scoring routes parts by the bands, and pages draw them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from inspection.models import FastPath, Product
from inspection.products.routing import RoutingPolicy
from mltasks.models import ModelVersion
from mltasks.vision.guarantees.escape_curve import EscapeCurve
from mltasks.vision.guarantees.escape_guarantee import EscapeRateGuarantee
from mltasks.vision.guarantees.guarantee_report import guarantee_report
from mltasks.vision.guarantees.screening_certificate import stage_promise
from mltasks.vision.guarantees.thresholds import Bands, cost_bands, guaranteed_bands


def routing_policy(product: Product, version: ModelVersion | None) -> RoutingPolicy:
    """Return the routing policy of parts that this version scores. Takes microseconds."""
    return RoutingPolicy(product_bands(product, version), product.audit_share, product.fail_audit_share)


def product_bands(product: Product, version: ModelVersion | None) -> Bands:
    """Return the probability bands of PASS, REVIEW and FAIL, and the novelty up to which parts pass.

    Without a version the costs alone determine the bands. A version from before escape curves has no guaranteed bands.
    Beside a fast path the full graph keeps its half of the escape promise.
    """
    if version is None:
        return cost_bands(product.costs)
    return _guaranteed_bands(product, version, full_graph_promise(product, version))


def serving_fast_path(product: Product, version: ModelVersion) -> FastPath | None:
    """Return the fast path that passes parts of the product while this version scores; None if it is off.

    It is off after a promotion and after a change of bands, promise or share, until it is learned again: its
    certificate is about the answers of one version by one policy.
    """
    learned = product.fast_path if product.fast_path_enabled else None
    if learned is None or learned.version_id != version.pk or learned.certificate.leak_share > product.fast_path_leak:
        return None
    return learned if learned.meta["policy"] == fast_path_policy(product, version) else None


def fast_path_policy(product: Product, version: ModelVersion) -> dict[str, Any]:
    """Return the escape promise and the full graph's bands beside a fast path, as the fast path stores them."""
    promise = product.escape_guarantee
    return {"promise": asdict(promise), "bands": asdict(_guaranteed_bands(product, version, stage_promise(promise)))}


def full_graph_promise(product: Product, version: ModelVersion) -> EscapeRateGuarantee:
    """Return the escape promise that the full graph keeps: all of it, or its half beside a fast path."""
    promise = product.escape_guarantee
    return stage_promise(promise) if serving_fast_path(product, version) else promise


def _guaranteed_bands(product: Product, version: ModelVersion, promise: EscapeRateGuarantee) -> Bands:
    bands = cost_bands(product.costs, product.defect_rate, labeled_rate(version.meta))
    curve = escape_curve(version.meta)
    return bands if curve is None else guaranteed_bands(bands, curve, promise)


def current_guarantee(product: Product, version: ModelVersion) -> dict[str, Any] | None:
    """Return what a version guarantees by the product's current settings, as in reports.

    None for a version without an escape curve.
    """
    curve = escape_curve(version.meta)
    if curve is None:
        return None
    return guarantee_report(curve, full_graph_promise(product, version), product_bands(product, version))


def escape_curve(meta: Mapping[str, Any]) -> EscapeCurve | None:
    """Return the escape curve in a version's ``meta.json``; None for old versions."""
    stored = meta.get("escapes")
    if not stored:
        return None
    good = tuple(map(tuple, stored.get("good", ())))
    return _read_curve(tuple(stored["lowest"]), stored["parts"], tuple(stored.get("novelty", ())), good)


@lru_cache(maxsize=64)
def _read_curve(lowest: tuple[float, ...], parts: int, novelty: tuple[float, ...], good: Any) -> EscapeCurve:
    """Return the curve of stored values; each part asks for it, and reading takes a millisecond."""
    return EscapeCurve.from_json({"lowest": lowest, "parts": parts, "novelty": novelty, "good": good})


def labeled_rate(meta: Mapping[str, Any]) -> float | None:
    """Return the share of defects among calibration images; None if unknown or only one class."""
    counts = meta.get("training", {})
    good, defect = counts.get("good", 0), counts.get("defect", 0)
    return defect / (good + defect) if good and defect else None
