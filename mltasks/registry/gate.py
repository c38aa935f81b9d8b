"""Gate: the lines that a product requires of a version before any promotion.

The criteria belong to the product, in a higher layer: ``InspectionConfig.ready`` registers the function that evaluates
them with ``set_gate``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from mltasks.models import ModelVersion
from mltasks.refusals import Refusal

OVERRIDE_PERMISSION = "mltasks.override_gate"


@dataclass(frozen=True, slots=True)
class GateLine:
    """One possible requirement of the gate.

    ``holds`` is None if there is no data, which does not count as held. ``words`` say what was found and, for a line
    that does not hold, what to do.
    """

    name: str
    title: str
    asked: bool
    holds: bool | None
    words: str

    @property
    def fails(self) -> bool:
        """Return True if the line keeps the gate closed."""
        return self.asked and not self.holds

    def to_json(self) -> dict[str, Any]:
        """Return the line as it is stored with a promotion."""
        return asdict(self)


class State(StrEnum):
    """State of the whole gate."""

    CLOSED = "closed"
    OPEN = "open"
    NOTHING_ASKED = "nothing_asked"


class GateClosed(Refusal):
    """Refusal of a promotion; ``failing_lines`` are the required lines that do not hold."""

    code = "gate_closed"

    def __init__(self, failing: Sequence[GateLine]) -> None:
        self.failing_lines = tuple(failing)
        failures = " ".join(f"{line.title}: {line.words}" for line in failing)
        super().__init__(_("The promotion policy blocks this version. {failures}").format(failures=failures))


GateFunction = Callable[[ModelVersion, ModelVersion | None, User | None], list[GateLine]]
_gate_functions: list[GateFunction] = []


def set_gate(evaluate: GateFunction) -> None:
    """Register the function that evaluates every promotion."""
    _gate_functions[:] = [evaluate]


def evaluate(version: ModelVersion, champion: ModelVersion | None, by: User | None) -> list[GateLine]:
    """Return every line, required or not, of a promotion over that champion by that person.

    ``by`` is None for a command or the nightly promotion.
    """
    (gate_function,) = _gate_functions
    return gate_function(version, champion, by)


def state(lines: Sequence[GateLine]) -> State:
    """Return the gate's state; a gate without required lines is not open: nothing was checked."""
    if any(line.fails for line in lines):
        return State.CLOSED
    return State.OPEN if any(line.asked for line in lines) else State.NOTHING_ASKED


def worst_first(lines: Sequence[GateLine]) -> list[GateLine]:
    """Return the lines in the order for people: failed, unknown, held, not required."""
    order = {False: 0, None: 1, True: 2}
    return sorted(lines, key=lambda line: order[line.holds] if line.asked else 3)


def check(lines: Sequence[GateLine], override: str) -> None:
    """Raise GateClosed if a line fails and there is no reason to override it."""
    failing = [line for line in lines if line.fails]
    if failing and not override:
        raise GateClosed(failing)
