"""Tags on the escape guarantee by a product's current settings."""

from __future__ import annotations

from typing import Any

from django import template

from inspection.fast_path.fast_path_text import fast_path_sentences
from inspection.models import Product
from inspection.products.bands import current_guarantee as guarantee_of
from inspection.products.bands import product_bands
from mltasks.models import ModelVersion
from mltasks.reports import report_text

register = template.Library()


@register.simple_tag
def current_guarantee(version: ModelVersion) -> str:
    """Return what the version guarantees by its product's current settings.

    Empty if the version's report says the same, and for versions without an escape curve or a product.
    """
    product = Product.objects.filter(registered_model=version.model_id).first()
    guarantee = product and guarantee_of(product, version)
    if not guarantee:
        return ""
    text = report_text.guarantee_note(guarantee)
    report = getattr(version, "report", None)
    measured = report.evaluation.get("promise") if report else None
    return "" if measured and "kind" in measured and report_text.guarantee_note(measured) == text else text


@register.simple_tag
def fast_path_report(version: ModelVersion) -> list[str]:
    """Return the sentences on the fast path beside this version; none if the product has never learned one."""
    product = Product.objects.filter(registered_model=version.model_id, fast_path__version=version).first()
    return fast_path_sentences(product, version) if product else []


@register.inclusion_tag("parts/novelty.html")
def novelty_bar(product: Product, version: ModelVersion | None, ratio: float) -> dict[str, Any]:
    """Return the novelty as a multiple of its threshold, which is in the middle; full from 2.

    ``line`` is the novelty up to which the version's parts pass, if it is below the threshold.
    """
    line = product_bands(product, version).novelty_line
    return {
        "ratio": ratio,
        "mark": _percent(ratio),
        "threshold": 50,
        "over": ratio > 1,
        "line": line if line < 1 else None,
        "line_mark": _percent(line),
    }


def _percent(ratio: float) -> float:
    return round(min(max(ratio, 0.0), 2.0) * 50, 2)
