"""Refusals of steps that people take on labels. The status is 409 unless a class says otherwise."""

from __future__ import annotations

from mltasks.refusals import Refusal


class ClaimLost(Refusal):
    """The part went to somebody else, or was settled meanwhile."""

    code = "claim_lost"


class PartRemoved(Refusal):
    """Retention removed the part since it was shown."""

    code = "part_removed"


class InvalidLabel(Refusal):
    """A verdict or defect type that can't be a label of this part."""

    code = "invalid_request"
    status = 400


class InvalidReason(Refusal):
    """No reason that a part may be skipped for."""

    code = "invalid_request"
    status = 400


class InvalidDefectType(Refusal):
    """A name, key, colour, example or merge that the product's other types don't allow."""

    code = "invalid_request"
    status = 400


class AlreadyUndone(Refusal):
    """The label was taken back before."""

    code = "already_undone"


class NotStanding(Refusal):
    """A newer label counts for the part, so taking this one back would change nothing."""

    code = "not_standing"


class Disputed(Refusal):
    """Two people differ on the part, and it is for a third to settle."""

    code = "disputed"
