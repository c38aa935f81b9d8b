"""Gate: the lines that a product requires of a version before any promotion.

The criteria belong to the product, in a higher layer: ``InspectionConfig.ready`` registers the function that evaluates
them with ``set_gate``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from enum import StrEnum
from typing import Any, Self

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from mltasks.models import ModelVersion
from mltasks.refusals import Refusal

OVERRIDE_PERMISSION = "mltasks.override_gate"
# Keys of a stored line, in the order of the fields of GateLine.
_STORED_KEYS = ("name", "title", "asked", "holds", "words")


@dataclass(frozen=True, slots=True)
class GateLine:
    """One possible requirement of the gate.

    ``passed`` is None if there is no data, which counts as failed. ``text`` says what was measured and, for a line that
    did not pass, what to do.
    """

    name: str
    title: str
    required: bool
    passed: bool | None
    text: str

    @property
    def fails(self) -> bool:
        return self.required and not self.passed

    def to_json(self) -> dict[str, Any]:
        """Return the line as it is stored with a promotion."""
        return dict(zip(_STORED_KEYS, astuple(self), strict=True))

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the line that was stored with a promotion."""
        return cls(*(stored[key] for key in _STORED_KEYS))


class State(StrEnum):
    """State of the whole gate."""

    CLOSED = "closed"
    OPEN = "open"
    NOTHING_REQUIRED = "nothing_asked"


class GateClosed(Refusal):
    """Refusal of a promotion; ``failing_lines`` are the required lines that did not pass."""

    code = "gate_closed"

    def __init__(self, failing: Sequence[GateLine]) -> None:
        self.failing_lines = tuple(failing)
        failures = " ".join(f"{line.title}: {line.text}" for line in failing)
        super().__init__(_("The gate is closed for this version. {failures}").format(failures=failures))


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
    return State.OPEN if any(line.required for line in lines) else State.NOTHING_REQUIRED


def worst_first(lines: Sequence[GateLine]) -> list[GateLine]:
    """Return the lines in the order for people: failed, unknown, passed, not required."""
    order = {False: 0, None: 1, True: 2}
    return sorted(lines, key=lambda line: order[line.passed] if line.required else 3)


def check(lines: Sequence[GateLine], override: str) -> None:
    """Raise GateClosed if a line fails and there is no reason to override it."""
    failing = [line for line in lines if line.fails]
    if failing and not override:
        raise GateClosed(failing)
