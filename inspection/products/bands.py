"""The policy in force: what a product's costs and promise make of one version's probabilities. Scoring routes by it and
pages draw it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inspection.models import Product
from inspection.products.routing import RoutingPolicy
from mltasks.models import ModelVersion
from mltasks.vision.serving.escape_guarantee import EscapeCurve
from mltasks.vision.serving.thresholds import Bands, cost_bands, guaranteed_bands


def routing_policy(product: Product, version: ModelVersion | None) -> RoutingPolicy:
    """How the product's parts are routed when this version scores them. Takes microseconds."""
    return RoutingPolicy(product_bands(product, version), product.audit_share, product.fail_audit_share)


def product_bands(product: Product, version: ModelVersion | None) -> Bands:
    """Where PASS ends and FAIL begins. Without a version, or with one that was made before escape curves were, by the
    costs alone."""
    if version is None:
        return cost_bands(product.costs)
    bands = cost_bands(product.costs, product.defect_rate, labeled_rate(version.meta))
    curve = escape_curve(version.meta)
    return bands if curve is None else guaranteed_bands(bands, curve, product.escape_guarantee)


def escape_curve(meta: Mapping[str, Any]) -> EscapeCurve | None:
    """The escape curve in a version's ``meta.json``; None in those of old versions."""
    return EscapeCurve.from_json(meta["escapes"]) if meta.get("escapes") else None


def labeled_rate(meta: Mapping[str, Any]) -> float | None:
    """The share of defects among the images a version was calibrated on; None where it does not say, or had only one
    class."""
    counts = meta.get("training", {})
    good, defect = counts.get("good", 0), counts.get("defect", 0)
    return defect / (good + defect) if good and defect else None
