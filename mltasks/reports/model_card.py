"""Model card of a version: one structure for REST (JSON) and the page.

The sections are those of Mitchell et al., "Model Cards for Model Reporting", FAT* 2019, followed by costs, history and
lineage. Costs and the escape guarantee are those of the version's evaluation. Unknown values are None or empty, as for
old versions and versions without a report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from mltasks.models import ModelVersion, Promotion
from mltasks.reports import model_card_text, report_text, version_lineage
from mltasks.reports.report_figures import FIGURES, MISS_RATE, Figure
from mltasks.reports.version_report import VersionReport
from mltasks.snapshots import snapshot_contents
from mltasks.snapshots.snapshot_contents import SnapshotContents
from mltasks.snapshots.split_names import is_training_split

FORMAT = 1
CITATION = "Mitchell et al., Model Cards for Model Reporting, FAT* 2019"
CONFIDENCE = 0.95
# The list of figures has had this order in REST since its first release; the others follow in the order of FIGURES.
_FIRST_FIGURES = (
    "recall",
    "precision",
    "accuracy",
    "average_precision",
    "auroc",
    "false_alarm_rate",
    "review_rate",
    "routed_escape_rate",
)
CARD_PLOTS = ("precision_recall", "cost", "calibration", "defect_types")
CardSection = dict[str, Any]


def build_model_card(version: ModelVersion) -> CardSection:
    """Return the card in the reader's language; times are datetimes, shares in [0, 1]."""
    report, snapshot = VersionReport(version), version.run.snapshot
    contents = snapshot_contents.count_contents(snapshot) if snapshot else None
    return {
        "format": FORMAT,
        "after": CITATION,
        "product": version.model.name,
        "version": version.number,
        "state": version.state,
        "state_words": str(version.get_state_display()),
        "details": _details(version, report),
        "intended_use": model_card_text.intended_use(version.model.name),
        "factors": _factors(report.evaluation, contents),
        "metrics": _metrics(report),
        "evaluation_data": _evaluation_data(report),
        "training_data": _training_data(version, contents),
        "analyses": _analyses(report),
        "costs": _costs(report),
        "caveats": [
            *report.evaluation.get("warnings", []),
            *model_card_text.general_caveats(report.evaluation, contents),
        ],
        "history": _history(version),
        "lineage": version_lineage.build_version_lineage(version),
    }


def _details(version: ModelVersion, report: VersionReport) -> CardSection:
    run = version.run
    return {
        "in_a_sentence": report.summary or report.counts_text,
        "made_at": version.created_at,
        "trigger": run.get_trigger_display(),
        "asked_by": run.requested_by.get_username() if run.requested_by else None,
        "made_of": [{"title": title, "words": text} for title, text in report.components],
    }


def _factors(report: Mapping[str, Any], contents: SnapshotContents | None) -> CardSection:
    measured: Mapping[str, Any] = report.get("defect_types", {})
    labeled = contents.defect_types if contents else {}
    names = sorted({*measured, *(name for name in labeled if name)})
    return {
        "defect_types": [
            {"name": name, "labeled_images": labeled.get(name, 0 if contents else None), "recall": measured.get(name)}
            for name in names
        ],
        "without_a_type": labeled.get("", 0) if contents else None,
        "regions": [{"region": name or None, "images": count} for name, count in contents.regions.items()]
        if contents
        else [],
        "not_told_apart": model_card_text.unmeasured_factors(),
    }


def _metrics(report: VersionReport) -> CardSection:
    protocol = report.evaluation.get("protocol", {})
    return {
        "protocol": protocol.get("words", ""),
        "parts": protocol.get("parts", ""),
        "confidence": CONFIDENCE,
        "figures": [
            {
                "name": figure.name,
                "title": str(figure.title),
                "words": str(figure.explanation),
                **report.metrics[figure.name],
            }
            for figure in sorted(FIGURES, key=_position)
            if figure.name in report.metrics and figure is not MISS_RATE
        ],
    }


def _position(figure: Figure) -> int:
    return _FIRST_FIGURES.index(figure.name) if figure.name in _FIRST_FIGURES else len(_FIRST_FIGURES)


def _evaluation_data(report: VersionReport) -> CardSection | None:
    counts, protocol = report.evaluation.get("counts"), report.evaluation.get("protocol", {})
    if not counts:
        return None
    return {
        "images": counts.get("images"),
        "parts": counts.get("parts"),
        "good": counts.get("good"),
        "defective": counts.get("defect"),
        "kind": protocol.get("kind"),
        "folds": protocol.get("folds") or None,
        "learned_from_since": report.trained_on_evaluation_parts,
    }


def _training_data(version: ModelVersion, contents: SnapshotContents | None) -> CardSection | None:
    snapshot = version_lineage.snapshot_lineage(version.run.snapshot)
    if snapshot is None or contents is None:
        return None
    splits = [
        {
            "name": share.name,
            "words": share.purpose,
            "images": share.images,
            "good": share.good,
            "defective": share.defective,
            "learned_from": is_training_split(share.name),
        }
        for share in contents.splits
    ]
    return {**snapshot, "parts": contents.parts, "splits": splits}


def _analyses(report: VersionReport) -> CardSection:
    label_issues = report.evaluation.get("suspects")
    return {
        "confusion": report.evaluation.get("confusion"),
        "novelty": [
            {"name": name, "auroc": auroc, "decides": decides} for name, auroc, decides in report.detector_aurocs
        ],
        "chance_calibration_error": report.evaluation.get("chance_calibration_error"),
        "more_labels": report.more_labels_text,
        "labels_in_doubt": None if label_issues is None else len(label_issues),
        "figures": [
            {"file": plot.name, "words": plot.caption, "width": plot.width, "height": plot.height}
            for plot in map(report.plot, CARD_PLOTS)
            if plot is not None
        ],
    }


def _costs(report: VersionReport) -> CardSection:
    evaluation = report.evaluation
    costs, band, matrix = (evaluation.get(name) or {} for name in ("costs", "review_band", "cost_matrix"))
    guarantee = evaluation.get("promise")
    return {
        "escape": costs.get("fn"),
        "false_alarm": costs.get("fp"),
        "review": costs.get("review"),
        "fails_by_itself_from": evaluation.get("thresholds", {}).get("defect_probability"),
        "passes_up_to": band.get("low"),
        "passes_up_to_novelty": band.get("novelty_line"),
        "fails_from": band.get("high"),
        "bound_by": band.get("binds"),
        "promise": guarantee,
        "promise_words": report_text.guarantee_text(guarantee) if guarantee and guarantee["rate"] < 1 else "",
        "per_1000": report.metrics.get("cost_per_1000"),
        "per_1000_if_all_pass": matrix.get("per_1000_if_all_pass"),
        "per_1000_if_all_fail": matrix.get("per_1000_if_all_fail"),
    }


def _history(version: ModelVersion) -> list[CardSection]:
    """Return when the version became champion and when it was replaced, the oldest first."""
    promotions = Promotion.objects.filter(Q(version=version) | Q(previous=version))
    return [
        {
            "event": "promoted" if promotion.version_id == version.pk else "replaced",
            "at": promotion.created_at,
            "by": promotion.by.get_username() if promotion.by else None,
            "after_version": promotion.previous.number
            if promotion.previous and promotion.version_id == version.pk
            else None,
            "by_version": None if promotion.version_id == version.pk else promotion.version.number,
            "reason": promotion.reason,
        }
        for promotion in promotions.select_related("by", "previous", "version").order_by("created_at", "pk")
    ]
