"""Refusals of steps on labels; HTTP status 409 unless a class sets another."""

from __future__ import annotations

from mltasks.refusals import Refusal


class ClaimLost(Refusal):
    """Claim whose part went to another reviewer or was resolved meanwhile."""

    code = "claim_lost"


class PartRemoved(Refusal):
    """Part that retention removed after it was shown."""

    code = "part_removed"


class InvalidLabel(Refusal):
    """Verdict or defect type that can't label this part."""

    code = "invalid_request"
    status = 400


class InvalidReason(Refusal):
    """Unknown reason for a skip."""

    code = "invalid_request"
    status = 400


class InvalidDefectType(Refusal):
    """Name, key, color, example or merge that the product's other types rule out."""

    code = "invalid_request"
    status = 400


class AlreadyUndone(Refusal):
    """Label that was undone before."""

    code = "already_undone"


class NotStanding(Refusal):
    """Label that is not the standing one, so that undoing it would change nothing."""

    code = "not_standing"


class Disputed(Refusal):
    """Disputed label that only a third person may resolve."""

    code = "disputed"
