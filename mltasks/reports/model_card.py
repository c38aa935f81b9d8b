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
from mltasks.reports.version_report import METRICS, VersionReport
from mltasks.snapshots import snapshot_contents
from mltasks.snapshots.snapshot_contents import SnapshotContents
from mltasks.snapshots.split_names import is_training_split

FORMAT = 1
CITATION = "Mitchell et al., Model Cards for Model Reporting, FAT* 2019"
CONFIDENCE = 0.95
CARD_PLOTS = ("precision_recall", "cost", "calibration", "defect_types")
CardSection = dict[str, Any]


def build_model_card(version: ModelVersion) -> CardSection:
    """Return the card in the reader's language; times are datetimes, shares in [0, 1]."""
    read, snapshot = VersionReport(version), version.run.snapshot
    contents = snapshot_contents.count_contents(snapshot) if snapshot else None
    return {
        "format": FORMAT,
        "after": CITATION,
        "product": version.model.name,
        "version": version.number,
        "state": version.state,
        "state_words": str(version.get_state_display()),
        "details": _details(version, read),
        "intended_use": model_card_text.intended_use(version.model.name),
        "factors": _factors(read.evaluation, contents),
        "metrics": _metrics(read),
        "evaluation_data": _evaluation_data(read),
        "training_data": _training_data(version, contents),
        "analyses": _analyses(read),
        "costs": _costs(read),
        "caveats": [*read.evaluation.get("warnings", []), *model_card_text.general_caveats(read.evaluation, contents)],
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
        "made_of": [{"title": title, "words": words} for title, words in report.components],
    }


def _factors(report: Mapping[str, Any], contents: SnapshotContents | None) -> CardSection:
    measured: Mapping[str, Any] = report.get("defect_types", {})
    learned = contents.defect_types if contents else {}
    names = sorted({*measured, *(name for name in learned if name)})
    return {
        "defect_types": [
            {"name": name, "labeled_images": learned.get(name, 0 if contents else None), "recall": measured.get(name)}
            for name in names
        ],
        "without_a_type": learned.get("", 0) if contents else None,
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
            {"name": name, "title": str(title), "words": str(words), **report.metrics[name]}
            for name, title, words in METRICS
            if name in report.metrics
        ],
    }


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
    facts = version_lineage.snapshot_lineage(version.run.snapshot)
    if facts is None or contents is None:
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
    return {**facts, "parts": contents.parts, "splits": splits}


def _analyses(report: VersionReport) -> CardSection:
    suspects = report.evaluation.get("suspects")
    return {
        "confusion": report.evaluation.get("confusion"),
        "novelty": [
            {"name": name, "auroc": auroc, "decides": decides} for name, auroc, decides in report.detector_aurocs
        ],
        "chance_calibration_error": report.evaluation.get("chance_calibration_error"),
        "more_labels": report.more_labels_text,
        "labels_in_doubt": None if suspects is None else len(suspects),
        "figures": [
            {"file": drawn.name, "words": drawn.caption, "width": drawn.width, "height": drawn.height}
            for drawn in (report.plots_by_name[name] for name in CARD_PLOTS if name in report.plots_by_name)
        ],
    }


def _costs(version_report: VersionReport) -> CardSection:
    report = version_report.evaluation
    costs, band, matrix = (report.get(name) or {} for name in ("costs", "review_band", "cost_matrix"))
    promise = report.get("promise")
    return {
        "escape": costs.get("fn"),
        "false_alarm": costs.get("fp"),
        "review": costs.get("review"),
        "fails_by_itself_from": report.get("thresholds", {}).get("defect_probability"),
        "passes_up_to": band.get("low"),
        "fails_from": band.get("high"),
        "bound_by": band.get("binds"),
        "promise": promise,
        "promise_words": report_text.guarantee_text(promise) if promise and promise["rate"] < 1 else "",
        "per_1000": version_report.metrics.get("cost_per_1000"),
        "per_1000_if_all_pass": matrix.get("per_1000_if_all_pass"),
        "per_1000_if_all_fail": matrix.get("per_1000_if_all_fail"),
    }


def _history(version: ModelVersion) -> list[CardSection]:
    """Return when the version became champion and when it was replaced, the oldest first."""
    told = Promotion.objects.filter(Q(version=version) | Q(previous=version))
    return [
        {
            "event": "promoted" if one.version_id == version.pk else "replaced",
            "at": one.created_at,
            "by": one.by.get_username() if one.by else None,
            "after_version": one.previous.number if one.previous and one.version_id == version.pk else None,
            "by_version": None if one.version_id == version.pk else one.version.number,
            "reason": one.reason,
        }
        for one in told.select_related("by", "previous", "version").order_by("created_at", "pk")
    ]
