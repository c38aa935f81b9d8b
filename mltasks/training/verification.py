"""Verification of a version: files, snapshot rows, images, and retraining."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext_noop

from mltasks.exchange import export_document, signing, trust_store
from mltasks.models import DatasetSnapshot, ImportedVersion, ModelVersion, Verification
from mltasks.runs.execution import use_passive_omp_waits
from mltasks.snapshots.snapshots import SnapshotDamaged, local_samples, manifest_sha256
from mltasks.storage import version_store
from mltasks.storage.scratch_folders import scratch_folder
from mltasks.training import backbone_choice
from mltasks.vision.serving import bundle
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.types import Progress, ProgressCallback, Sample, no_progress

# Rounding differs between machines: figures may differ by this much.
TOLERANCE = 0.03
WEIGHTS = "weights"
# Name of the finding that replaces "figures" if other code retrained the version and its figures differ.
OTHER_CODE = "other_code"
NO_SNAPSHOT = "There is no snapshot: what this version was trained on is unknown."
COMPARED_METRICS = ("average_precision", "auroc", "recall", "false_alarm_rate")
# Sections of `meta.json` that must be equal for weights to be equal bit for bit.
ENVIRONMENT_KEYS = ("compute", "libraries", "code")


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check, with an explanation."""

    check: str
    passed: bool
    text: str

    def to_json(self) -> dict[str, Any]:
        """Return the finding under its stored keys."""
        return {"what": self.check, "holds": self.passed, "words": self.text}


def verify(
    version: ModelVersion, *, retrain: bool = True, progress: ProgressCallback = no_progress
) -> Iterator[Finding]:
    """Yield the findings of checking a version's files, snapshot rows and images.

    If all passed and ``retrain`` is true, retrain the version and compare. For an imported version check the files and
    what the other plant signed. Nothing is changed. Raises StoreUnreachable.
    """
    imported = getattr(version, "imported", None)
    progress(Progress(0.0, gettext_noop("Checking files")))
    data_findings = _check_snapshot(version) if imported is None else _check_signature(version, imported)
    findings = [_check_files(version), *data_findings]
    yield from findings
    if version.run.snapshot is None:
        return
    progress(Progress(0.0, gettext_noop("Checking images")))
    try:
        with local_samples(version.run.snapshot) as samples:
            yield Finding("images", True, f"All {len(samples)} images are unchanged since the snapshot was frozen.")
            if retrain and all(finding.passed for finding in findings):
                yield from _check_retraining(version, samples, progress)
    except SnapshotDamaged as error:
        yield Finding("images", False, str(error))


def record(version: ModelVersion, findings: Sequence[Finding], *, by: User | None) -> Verification:
    """Record the findings as an immutable verification."""
    # The finding about an imported version's weights says that it can't be retrained here.
    is_local = not hasattr(version, "imported")
    return Verification.objects.create(
        version=version,
        holds=all(finding.passed for finding in findings),
        learned_again=is_local and any(finding.check == WEIGHTS for finding in findings),
        findings=[finding.to_json() for finding in findings],
        by=by,
    )


def _check_files(version: ModelVersion) -> Finding:
    try:
        bundle.verify(version_store.ensure_local(version), version.sha256)
    except bundle.BundleCorrupt as error:
        return Finding("files", False, str(error))
    return Finding("files", True, f"All files have their recorded sha256 (digest {version.sha256[:12]}…).")


def _check_snapshot(version: ModelVersion) -> Iterator[Finding]:
    """Compare the snapshot's rows with the hash of its freezing."""
    snapshot = version.run.snapshot
    if snapshot is None:
        yield Finding("snapshot", False, NO_SNAPSHOT)
        return
    if manifest_sha256(snapshot.items.order_by("image_sha256")) == snapshot.sha256:
        yield Finding("snapshot", True, f"Its {snapshot.total} rows are unchanged since they were frozen.")
        return
    changed = _changed_labels(version, snapshot)
    named = f" The version was trained on other labels of {', '.join(changed[:3])}." if changed else ""
    yield Finding("snapshot", False, f"The rows of {snapshot} have changed since they were frozen.{named}")


def _check_signature(version: ModelVersion, imported: ImportedVersion) -> Iterator[Finding]:
    """Check the signed document against its signature and against the rows here."""
    document, by = imported.document.encode(), f"{imported.plant}, {imported.fingerprint_text}"
    try:
        signed = export_document.parse_document(document)
        valid = signing.is_valid_signature(document, bytes(imported.signature), imported.public_key)
        valid = valid and signing.fingerprint(imported.public_key) == imported.fingerprint == signed.fingerprint
    except ValueError as error:
        yield Finding("signature", False, f"The document of {by} cannot be read: {error}.")
        return
    trusted = "" if trust_store.is_trusted(imported.fingerprint) else " That key is no longer trusted here."
    yield Finding("signature", valid, f"The document is {'' if valid else 'not '}signed by {by}.{trusted}")
    equal = (signed.sha256, signed.evaluation) == (version.sha256, version.report.evaluation)
    yield Finding("report", equal, f"Digest and figures {'are equal to' if equal else 'differ from'} the signed ones.")
    if signed.snapshot is None:
        yield Finding("snapshot", False, NO_SNAPSHOT)
        return
    total = signed.snapshot.good + signed.snapshot.defective
    yield Finding("snapshot", True, f"The {total} signed items have the hash that was recorded when they were frozen.")
    command = f"`verify_version {imported.product} {imported.number}`"
    yield Finding("weights", True, f"Not retrained: the images are at {imported.plant}. Run {command} there.")


def _changed_labels(version: ModelVersion, snapshot: DatasetSnapshot) -> list[str]:
    """Return titles of rows whose label differs from the version's report."""
    try:
        report = json.loads((version.path / bundle.REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    measured = {row["sha256"]: row["target"] for row in report.get("predictions", [])}
    rows = snapshot.items.order_by("title").values_list("title", "image_sha256", "target")
    return [title for title, sha256, target in rows if measured.get(sha256, target) != target]


def _check_retraining(
    version: ModelVersion, samples: Sequence[Sample], progress: ProgressCallback
) -> Iterator[Finding]:
    use_passive_omp_waits()
    from mltasks.vision.export.learn import learn  # late: only a training process may load torch

    def report(step: Progress) -> None:
        # Without the epochs: the retraining makes no version.
        progress(Progress(step.share, f"Retraining: {step.stage}"))

    config = backbone_choice.with_local_weights(_retraining_config(version))
    with scratch_folder(Path(settings.VERSIONS_DIR) / ".verifying") as folder:
        retrained = learn(samples, config, folder / "retrained", report)
        differences = _differences(version.meta, retrained.meta)
        equal = _weights_sha256(version.path) == _weights_sha256(folder / "retrained")
        result = f"Retrained from its snapshot: {'same' if equal else 'different'} weights"
        if differences:
            yield Finding(WEIGHTS, True, f"{result}. They need not be equal: {', '.join(differences)}.")
        else:
            environment = "bit for bit" if equal else "although machine, libraries and code are the same"
            yield Finding(WEIGHTS, equal, f"{result}, {environment}.")
        metrics = version.report.evaluation["metrics"], retrained.report["metrics"]
        compared = _compare_metrics(*metrics, exact=not differences)
        # A later program has another recipe: its figures say nothing about this version.
        if not compared.passed and _code_sha256(version.meta) != _code_sha256(retrained.meta):
            compared = Finding(OTHER_CODE, True, f"{compared.text} Not required of other code.")
        yield compared


def _retraining_config(version: ModelVersion) -> TrainConfig:
    """Return the run's config, with what a time budget chose: times of another run could choose otherwise."""
    config = version.run.train_config()
    if not config.budget_ms:
        return config
    chosen = TrainConfig.from_json(version.meta["config"])
    config = replace(config, height=chosen.height, width=chosen.width)
    return replace(config, score_removals=chosen.score_removals, budget_ms=0.0)


def _weights_sha256(folder: Path) -> str:
    manifest: dict[str, str] = json.loads((folder / bundle.MANIFEST).read_text(encoding="utf-8"))
    return manifest[bundle.WEIGHTS]


def _code_sha256(meta: Mapping[str, Any]) -> str | None:
    sha256: str | None = meta.get("code", {}).get("sha256")
    return sha256


def _differences(recorded: Mapping[str, Any], retrained: Mapping[str, Any]) -> list[str]:
    """Return descriptions of what differs in machine, libraries and code."""
    differences = []
    for section in ENVIRONMENT_KEYS:
        before, after = recorded.get(section, {}), retrained.get(section, {})
        # A commit that did not change the training code makes the same version.
        for key in sorted({*before, *after} - {"commit"}):
            old, new = before.get(key, "unknown"), after.get(key)
            if old != new:
                differences.append(f"{section} {key} was {old!s:.16} and is {new!s:.16}")
    return differences


def _compare_metrics(recorded: Mapping[str, Any], retrained: Mapping[str, Any], *, exact: bool) -> Finding:
    values = {
        name: (recorded[name]["value"], retrained[name]["value"])
        for name in COMPARED_METRICS
        if name in recorded and name in retrained
    }
    changed = {
        name: pair
        for name, pair in values.items()
        if (pair[0] != pair[1] if exact or None in pair else abs(pair[0] - pair[1]) > TOLERANCE)
    }
    if changed:
        changes = (f"{name.replace('_', ' ')} was {before} and is {after}" for name, (before, after) in changed.items())
        return Finding("figures", False, f"{', '.join(changes)}. Allowed difference: {0 if exact else TOLERANCE}.")
    names = ", ".join(values).replace("_", " ")
    return Finding("figures", True, f"{names}: equal {'to the last digit' if exact else f'within {TOLERANCE}'}.")
