"""Bands and routing policy that follow from a product's costs, guarantee and version.

Scoring routes parts by the bands, and pages draw them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inspection.models import Product
from inspection.products.routing import RoutingPolicy
from mltasks.models import ModelVersion
from mltasks.vision.serving.escape_curve import EscapeCurve
from mltasks.vision.serving.guarantee_report import guarantee_report
from mltasks.vision.serving.thresholds import Bands, cost_bands, guaranteed_bands


def routing_policy(product: Product, version: ModelVersion | None) -> RoutingPolicy:
    """Return the routing policy of parts that this version scores. Takes microseconds."""
    return RoutingPolicy(product_bands(product, version), product.audit_share, product.fail_audit_share)


def product_bands(product: Product, version: ModelVersion | None) -> Bands:
    """Return the probability bands of PASS, REVIEW and FAIL, and the novelty up to which parts pass.

    Without a version the costs alone determine the bands. A version from before escape curves has no guaranteed bands.
    """
    if version is None:
        return cost_bands(product.costs)
    bands = cost_bands(product.costs, product.defect_rate, labeled_rate(version.meta))
    curve = escape_curve(version.meta)
    return bands if curve is None else guaranteed_bands(bands, curve, product.escape_guarantee)


def current_guarantee(product: Product, version: ModelVersion) -> dict[str, Any] | None:
    """Return what a version guarantees by the product's current settings, as in reports.

    None for a version without an escape curve.
    """
    curve = escape_curve(version.meta)
    return guarantee_report(curve, product.escape_guarantee, product_bands(product, version)) if curve else None


def escape_curve(meta: Mapping[str, Any]) -> EscapeCurve | None:
    """Return the escape curve in a version's ``meta.json``; None for old versions."""
    return EscapeCurve.from_json(meta["escapes"]) if meta.get("escapes") else None


def labeled_rate(meta: Mapping[str, Any]) -> float | None:
    """Return the share of defects among calibration images; None if unknown or only one class."""
    counts = meta.get("training", {})
    good, defect = counts.get("good", 0), counts.get("defect", 0)
    return defect / (good + defect) if good and defect else None
