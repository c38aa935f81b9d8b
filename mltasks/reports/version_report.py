"""Report of a version for people: sentences, figures, plots and training epochs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from mltasks.models import ModelVersion, Promotion
from mltasks.registry import precision_choice
from mltasks.reports import report_files, report_text, speed_trade, version_components
from mltasks.reports.report_figures import FIGURES
from mltasks.vision.evaluation.chart import Chart
from mltasks.vision.evaluation.report_charts import report_charts, training_chart
from mltasks.vision.train_config import SEGMENTATION_RECIPE

PLOT_CAPTIONS = {
    "precision_recall": _("Precision by recall at every threshold, with the operating point"),
    "cost": _("Cost of errors per 1000 parts by FAIL threshold, with its interval and the verdict bands"),
    "novelty": _("Novelty scores of good and defective parts, with the threshold and each detector's AUROC"),
    "defect_types": _("Recall by defect type with intervals"),
    "reconstruction_error": _("Reconstruction errors of good and defective parts, with the novelty threshold"),
    "calibration": _("Observed share of defects by predicted probability, with intervals"),
    "labels": _("Average precision by the number of labels, with intervals"),
    "trade_quality": _("Average precision of versions with more and fewer scores by their time per image"),
    "trade_reviews": _("Review share of versions with more and fewer scores by their time per image"),
    "training": _("Loss by epoch"),
}
# Shares that differ by less are shown as the same.
EQUALITY_TOLERANCE = 0.0005
SVG_VIEW_BOX = re.compile(rb'viewBox="0 0 ([0-9.]+) ([0-9.]+)"')
# Bytes from the start of an SVG that contain its size.
SVG_HEAD_BYTES = 1000


class PlotFile(NamedTuple):
    """Plot of a version: file, caption, and size in tenths of a point (only the ratio matters)."""

    name: str
    caption: str
    width: int
    height: int


class VersionReport:
    """Version with the values of its report that pages show."""

    def __init__(self, version: ModelVersion) -> None:
        self.version = version

    @cached_property
    def evaluation(self) -> dict[str, Any]:
        """Return the evaluation; empty for a version without a report."""
        report = getattr(self.version, "report", None)
        return report.evaluation if report else {}

    @property
    def metrics(self) -> dict[str, Any]:
        """Return each figure with its interval, from ``with_metrics()`` if present, else the report."""
        metrics: dict[str, Any] | None = getattr(self.version, "metrics", None)
        return self.evaluation.get("metrics", {}) if metrics is None else metrics

    @property
    def promotion(self) -> Promotion | None:
        """Return the latest promotion of the version; None if there is none."""
        return next(iter(self.version.promotions.all()), None)

    @property
    def label_count(self) -> int | None:
        """Return the number of labels the version was trained on, also if imported; None if unknown."""
        if snapshot := self.version.run.snapshot:
            return snapshot.total
        imported = getattr(self.version, "imported", None)
        return imported.label_count if imported else None

    @property
    def label_counts_text(self) -> str:
        """Return the numbers of good and defective labels; empty if unknown."""
        if self.label_count is None:
            return ""
        source = self.version.run.snapshot or self.version.imported
        return gettext("{good} good, {defective} defective").format(good=source.good, defective=source.defective)

    @property
    def summary(self) -> str:
        """Return the summary sentence with intervals; empty without a report."""
        return report_text.summary(self.metrics, self.evaluation.get("promise"))

    @property
    def key_metrics(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Return title, explanation and estimate of the figures that a page shows first."""
        return [
            (str(figure.title), str(figure.explanation), self.metrics[figure.name])
            for figure in FIGURES
            if figure.is_key and figure.name in self.metrics
        ]

    @property
    def detector_aurocs(self) -> list[tuple[str, dict[str, Any], bool]]:
        """Return each novelty detector's name and AUROC, and True if the version uses it."""
        novelty = self.evaluation.get("novelty", {})
        return [
            (version_components.detector_name(name), auroc, name == novelty.get("detector"))
            for name, auroc in novelty.get("auroc", {}).items()
        ]

    @property
    def more_labels_text(self) -> str:
        """Return a text that says whether more labels help; empty without a learning curve."""
        return report_text.more_labels_text(self.evaluation.get("curves", {}).get("labels", []))

    @property
    def components(self) -> list[tuple[str, str]]:
        served_as = precision_choice.known_precision(self.version)
        return version_components.components(self.version.meta, served_as.name if served_as else "")

    @property
    def trained_on_evaluation_parts(self) -> bool:
        """Return True if the version, unlike its fold models, was trained on its evaluation parts."""
        return bool(self.evaluation.get("protocol", {}).get("kind") == "cross-validation")

    @property
    def counts_text(self) -> str:
        """Return the errors on good and defective parts as one sentence; empty without a report."""
        counts, confusion = self.evaluation.get("counts"), self.evaluation.get("confusion")
        if not counts or not confusion:
            return ""
        defects = ngettext(
            "Of {number} defective part it failed {failed} and passed {passed}",
            "Of {number} defective parts it failed {failed} and passed {passed}",
            counts["defect"],
        ).format(number=counts["defect"], failed=confusion["true_fail"], passed=_count_text(confusion["escape"]))
        alarms = ngettext(
            "of {number} good part it failed {failed}", "of {number} good parts it failed {failed}", counts["good"]
        ).format(number=counts["good"], failed=_count_text(confusion["false_alarm"]))
        return f"{defects}; {alarms}."

    @property
    def cost(self) -> tuple[float, float, float] | None:
        """Return the cost of 1000 parts: by this version, if all pass, if all fail."""
        matrix, cost = self.evaluation.get("cost_matrix"), self.metrics.get("cost_per_1000", {}).get("value")
        if not matrix or cost is None:
            return None
        return cost, matrix["per_1000_if_all_pass"], matrix["per_1000_if_all_fail"]

    @cached_property
    def charts(self) -> dict[str, Chart]:
        """Return the charts of the report's numbers by name."""
        return report_charts(self.evaluation, gettext) | speed_trade.trade_charts(self.version.meta)

    @property
    def trade_rows(self) -> list[dict[str, Any]]:
        """Return time and figures of the versions with more and fewer scores, the fastest first."""
        return speed_trade.trade_rows(self.version.meta)

    @property
    def trade_text(self) -> str:
        """Return a text on the time budget; empty without one."""
        return speed_trade.trade_text(self.version.meta)

    @cached_property
    def training_chart(self) -> Chart | None:
        """Return the loss by epoch of the version's trainings; None without epochs (an imported version)."""
        losses = validation_losses(self.version.run.epochs)
        early_stopped = self.version.meta.get("config", {}).get("head") != SEGMENTATION_RECIPE
        return training_chart(losses, early_stopped, gettext) if losses else None

    @cached_property
    def plots(self) -> dict[str, str]:
        """Return the file names of the stored plots by name."""
        names = (name for name in report_files.public_files(self.version) if name.startswith("plots/"))
        # The pictures of the worst errors are shown in their own section.
        return {_plot_name(name): name for name in names if "worst" not in name}

    @property
    def figures(self) -> dict[str, bool]:
        """Return True for the name of each figure that is a chart of the report or a stored plot."""
        return dict.fromkeys((*self.plots, *self.charts), True)

    def plot(self, name: str) -> PlotFile | None:
        """Return a stored plot with its size; None if the version has none of this name."""
        path = self.plots.get(name)
        return PlotFile(path, str(PLOT_CAPTIONS[name]), *self._plot_size(path)) if path else None

    @cached_property
    def worst_errors(self) -> list[dict[str, Any]]:
        """Return the worst errors with the file names of their pictures, ``file`` and ``map``.

        Both are empty if missing; ``map`` is the image under the version's maps.
        """
        files = [name for name in report_files.public_files(self.version) if name.startswith("worst/")]
        pictures = [name for name in files if "-map." not in name]
        rows: list[dict[str, Any]] = self.evaluation.get("worst_mistakes", [])
        errors = []
        for number, row in enumerate(rows):
            name = row.get("file") or (pictures[number] if number < len(pictures) else "")
            heatmap = name.replace(".jpg", "-map.jpg")
            errors.append({**row, "file": name, "map": heatmap if heatmap in files else ""})
        return errors

    def _plot_size(self, name: str) -> tuple[int, int]:
        """Return width and height of a plot, for the space that a page reserves."""
        try:
            with (self.version.path / name).open("rb") as file:
                box = SVG_VIEW_BOX.search(file.read(SVG_HEAD_BYTES))
        except FileNotFoundError:
            box = None
        return (round(10 * float(box[1])), round(10 * float(box[2]))) if box else (3888, 2520)


def epochs_by_training(epochs: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return a run's epochs by training, from their stages "TRAINING, epoch N"."""
    trainings: dict[str, list[dict[str, Any]]] = {}
    for epoch in epochs:
        trainings.setdefault(epoch.get("stage", "").rpartition(", epoch")[0], []).append(epoch)
    return trainings


def validation_losses(epochs: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """Return the validation losses by training, without those of auxiliary heads ("TRAINING, HEAD").

    The only training of a holdout has no name: its stages are "epoch N" and "HEAD, epoch N".
    """
    trainings = epochs_by_training(epochs)
    prefixes = {training: f"{training}, " if training else "" for training in trainings}
    return {
        name: losses
        for name, rows in trainings.items()
        if (losses := [row["validation_loss"] for row in rows if isinstance(row.get("validation_loss"), int | float)])
        and not any(name != training and name.startswith(prefix) for training, prefix in prefixes.items())
    }


def _plot_name(name: str) -> str:
    return name.rsplit("/", 1)[-1].rsplit(".", 1)[0].replace("-", "_")


def _count_text(number: int) -> str:
    return gettext("none") if number == 0 else str(number)
