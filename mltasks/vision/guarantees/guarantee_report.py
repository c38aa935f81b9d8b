"""Section of a report on the escape guarantee. Imports nothing heavy."""

from __future__ import annotations

import math
from typing import Any

from mltasks.vision.guarantees.escape_curve import EscapeCurve, PassRegion
from mltasks.vision.guarantees.escape_guarantee import (
    EscapeRateGuarantee,
    applicable_bound,
    average_bound,
    clopper_pearson_bound,
    labels_needed,
    labels_needed_on_average,
)
from mltasks.vision.guarantees.thresholds import Bands

METHOD = (
    "The guarantee is about parts that pass: their defect probability and their novelty are both low enough. "
    "Networks that were not trained on the parts score the n labeled defective parts. Then the parts are cut off one "
    "after another until k are left: each time the part with the highest probability or the part with the highest "
    "novelty, whichever costs fewer good parts, as far as the parts already cut off show. Parts with scores like the "
    "remaining ones pass. Whichever way the cuts go, the share of all defective parts that pass is distributed as "
    "the k+1st of n ordered uniform numbers (statistically equivalent blocks: Wald 1943, Tukey 1947, Fraser 1951). "
    "With the stated confidence, at most the bound of Clopper and Pearson (1934) for k of n escapes. With too few "
    "labels for this confidence, k is chosen so that on average, over samples of n labels, at most (k + 1) / (n + 1) "
    "escape (conformal risk control: Angelopoulos et al. 2024). Both bounds hold for any distribution of scores, for "
    "defects like the labeled ones, and each is inspected with one image: of several labeled images of a part, one "
    "counts, drawn whatever its scores. Parts that an audit sends to a person are not subtracted."
)
PROBABILITY_METHOD = (
    "Parts pass below the k+1st lowest probability of n labeled defective parts. These probabilities come from "
    "networks that were not trained on the parts. With the stated confidence, at most the bound escapes, for any "
    "distribution of scores (order statistics: Wilks 1941; the bound is that of Clopper and Pearson 1934 for k of n). "
    "The guarantee applies to defects like the labeled ones. Of several images of a part, the lowest probability "
    "counts. Parts that novelty or an audit sends to a person are not subtracted."
)


def guarantee_report(curve: EscapeCurve, guarantee: EscapeRateGuarantee, bands: Bands) -> dict[str, Any]:
    """Return what is guaranteed if parts pass by these bands, as JSON.

    - ``kind``: ``confidence``, ``average`` or ``none``, the bound that the labels allow
    - ``bound``: upper bound of the escape rate with the guarantee's confidence; ``holds`` if it is within the rate
    - ``average_bound``: upper bound of the mean escape rate, if that is the bound that applies
    - ``more_defective_labels_needed`` for the guarantee's confidence, and ``more_labels_needed_on_average`` (None for
      versions of earlier releases, which guarantee nothing on average)
    """
    region = PassRegion(math.nextafter(bands.low, math.inf), math.nextafter(bands.novelty_line, math.inf))
    escapes, parts = curve.count_escapes(region), curve.part_count
    kind, allowed = applicable_bound(parts, guarantee, average=curve.is_joint)
    bound = clopper_pearson_bound(escapes, parts, guarantee.confidence)
    return {
        "kind": kind,
        "rate": guarantee.rate,
        "confidence": guarantee.confidence,
        "passes_up_to": bands.low,
        "passes_up_to_novelty": bands.novelty_line,
        "escapes": escapes,
        "defective_parts": parts,
        "bound": bound,
        "holds": bound <= guarantee.rate + 1e-12,
        "average_bound": average_bound(allowed, parts) if kind == "average" else None,
        "more_defective_labels_needed": max(0, labels_needed(guarantee) - parts),
        "more_labels_needed_on_average": max(0, labels_needed_on_average(guarantee.rate) - parts)
        if curve.is_joint
        else None,
        "method": METHOD if curve.is_joint else PROBABILITY_METHOD,
    }
