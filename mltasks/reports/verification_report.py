"""Report of a version's verification for its page and REST: newest result and running check."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from mltasks.models import ModelVersion, Verification, VerifyingRun
from mltasks.training.verification_runs import retrain_blocker

TitledFinding = tuple[str, bool, str]
FINDING_TITLES: dict[str, str | Promise] = {
    "files": _("Files"),
    "snapshot": _("Snapshot"),
    "images": _("Images"),
    "weights": _("Weights"),
    "figures": _("Figures"),
    "other_code": _("Figures by other code"),
    "signature": _("Signature"),
    "report": _("Report"),
}


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """Newest verification rows of a version.

    ``run`` is the newest run of a worker. ``last`` is the newest verification by a worker or a command, and
    ``last_retraining`` the newest with retraining. ``retrain_blocker`` says why the version cannot be retrained; empty
    if it can.
    """

    run: VerifyingRun | None
    last: Verification | None
    last_retraining: Verification | None
    retrain_blocker: str

    @property
    def running(self) -> bool:
        return self.run is not None and not self.run.finished

    @property
    def failed(self) -> bool:
        """Return True if the newest run failed and no verification was made since."""
        if self.run is None or self.run.state != VerifyingRun.State.FAILED:
            return False
        return self.last is None or self.last.created_at < self.run.created_at

    @property
    def findings(self) -> list[TitledFinding]:
        return titled_findings(self.last) if self.last else []


def titled_findings(verification: Verification) -> list[TitledFinding]:
    """Return the findings, each as title, result and explanation."""
    return [
        (str(FINDING_TITLES.get(finding["what"], finding["what"])), finding["holds"], finding["words"])
        for finding in verification.findings
    ]


def failures_text(verification: Verification) -> str:
    """Return the explanations of the failed findings; empty if all passed."""
    return " ".join(finding["words"] for finding in verification.findings if not finding["holds"])


def load_report(version: ModelVersion) -> VerificationReport:
    """Load the newest rows in three queries."""
    verifications = Verification.objects.filter(version=version).select_related("by").order_by("-created_at", "-id")
    return VerificationReport(
        run=VerifyingRun.objects.filter(version=version).select_related("requested_by").defer("epochs").first(),
        last=verifications.first(),
        last_retraining=verifications.filter(learned_again=True).first(),
        retrain_blocker=retrain_blocker(version),
    )
