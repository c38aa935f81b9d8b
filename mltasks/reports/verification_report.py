"""What is known of a version's verification, as its page and REST tell it: the last word, and who is looking now."""

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
    "signature": _("Signature"),
    "report": _("Report"),
}


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """``run`` is the newest that a worker was asked for, ``last`` the newest verification, whoever made it, and
    ``last_retraining`` the newest for which the version was learned again. ``retrain_blocker`` says why it can't be;
    empty where it
    can."""

    run: VerifyingRun | None
    last: Verification | None
    last_retraining: Verification | None
    retrain_blocker: str

    @property
    def running(self) -> bool:
        """Whether the run waits or runs."""
        return self.run is not None and not self.run.finished

    @property
    def failed(self) -> bool:
        """Whether the newest run ended without a word on the version, and none came since."""
        if self.run is None or self.run.state != VerifyingRun.State.FAILED:
            return False
        return self.last is None or self.last.created_at < self.run.created_at

    @property
    def findings(self) -> list[TitledFinding]:
        """Those of the last verification."""
        return titled_findings(self.last) if self.last else []


def titled_findings(verification: Verification) -> list[TitledFinding]:
    """Its findings, each as a title, whether it holds, and what there is to say of it."""
    found = verification.findings
    return [(str(FINDING_TITLES.get(one["what"], one["what"])), one["holds"], one["words"]) for one in found]


def load_report(version: ModelVersion) -> VerificationReport:
    """Look at the newest rows, in three queries."""
    verifications = Verification.objects.filter(version=version).select_related("by").order_by("-created_at", "-id")
    return VerificationReport(
        run=VerifyingRun.objects.filter(version=version).select_related("requested_by").defer("epochs").first(),
        last=verifications.first(),
        last_retraining=verifications.filter(learned_again=True).first(),
        retrain_blocker=retrain_blocker(version),
    )
