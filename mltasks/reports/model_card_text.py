"""Texts of the model card that no row has: intended use, unmeasured factors and caveats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from mltasks.snapshots.snapshot_contents import SnapshotContents


def intended_use(product: str) -> dict[str, list[str]]:
    """Return the uses and users of the version, and the uses it is not meant for."""
    return {
        "uses": [
            _(
                "At a camera station it decides for one image of one part of {product} whether the part passes, fails "
                "or is reviewed."
            ).format(product=product),
            _(
                "Its heatmap shows where the defect may be, so that people review faster. The human verdict overrides "
                "the model verdict."
            ),
        ],
        "users": [_("Reviewers, quality managers, and the line that acts on PASS and FAIL.")],
        "not_for": [
            _("Other products, and images taken with another camera, light or distance than the labeled ones."),
            _("Defects that the image does not show, and measuring sizes."),
            _("Decisions on people's safety without another check: defects escape at the escape rate below."),
        ],
    }


def unmeasured_factors() -> list[str]:
    """Return factors that may matter but that no figure is broken down by."""
    return [
        _("Stations, cameras and shifts: a snapshot stores an image's region, not its station."),
    ]


def general_caveats(report: Mapping[str, Any], contents: SnapshotContents | None) -> list[str]:
    """Return caveats of every version of this kind, independent of its report's warnings."""
    caveats = [
        _("Labels are human verdicts. Where reviewers make the same error, the version and its figures repeat it."),
        _(
            "Labeled parts have a higher share of defects than all parts of the line. Rates over all parts therefore "
            "differ on the line."
        ),
    ]
    if report.get("protocol", {}).get("kind") == "cross-validation":
        caveats.append(
            _(
                "The figures are those of fold models, each evaluated on parts that it was not trained on. The version "
                "itself was trained on all parts and was not evaluated."
            )
        )
    if contents is None:
        caveats.append(_("The training data is unknown: this site has no snapshot of it."))
    if not report:
        caveats.append(_("This version has no report, so its quality is unknown."))
    return caveats
