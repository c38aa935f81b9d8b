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
                "It says of one image of one part of {product} whether it passes, fails or goes to a person, at once, "
                "at a camera station."
            ).format(product=product),
            _("It shows where it sees the defect, so that a person can judge faster. The person's word counts."),
        ],
        "users": [_("Reviewers, quality managers, and the line that acts on PASS and FAIL.")],
        "not_for": [
            _("Other products, and images taken otherwise than the labeled ones: another camera, light or distance."),
            _("Defects that the image can't show, and measuring sizes."),
            _("Decisions on people's safety without another check: some defects escape, at the escape rate below."),
        ],
    }


def unmeasured_factors() -> list[str]:
    """Return factors that may matter but that no figure is broken down by."""
    return [
        _("Stations, cameras and shifts: a snapshot keeps an image's region, not its station. Figures are of all."),
    ]


def general_caveats(report: Mapping[str, Any], contents: SnapshotContents | None) -> list[str]:
    """Return caveats of every version of this kind, independent of its report's warnings."""
    found = [
        _("Labels are what people said. Where they err alike, the version and its figures err with them."),
        _("Labeled parts are richer in defects than the line: shares of all parts differ there."),
    ]
    if report.get("protocol", {}).get("kind") == "cross-validation":
        found.append(
            _(
                "The figures are those of siblings that had not seen the parts. The version itself learned from all "
                "of them and was not measured."
            )
        )
    if contents is None:
        found.append(_("Nothing here says what it learned from: it has no snapshot on this site."))
    if not report:
        found.append(_("It has no report: nothing here says how good it is."))
    return found
