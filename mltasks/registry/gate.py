"""What a product asks of a version before it may score, line by line: every door to a promotion asks here.

The criteria belong to the product, on the floor above: ``InspectionConfig.ready`` registers the function that evaluates
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
    """One thing that may be asked. ``holds`` is None where there is nothing to tell it by, which is no yes; ``words``
    say what was found, and of a line that does not hold what to do."""

    name: str
    title: str
    asked: bool
    holds: bool | None
    words: str

    @property
    def fails(self) -> bool:
        """Whether it keeps the gate closed."""
        return self.asked and not self.holds

    def to_json(self) -> dict[str, Any]:
        """As the record keeps it."""
        return asdict(self)


class State(StrEnum):
    """Answer of the gate as a whole."""

    CLOSED = "closed"
    OPEN = "open"
    NOTHING_ASKED = "nothing_asked"


class GateClosed(Refusal):
    """Something that is asked does not hold. ``evaluate`` are those that fail."""

    code = "gate_closed"

    def __init__(self, failing: Sequence[GateLine]) -> None:
        self.failing_lines = tuple(failing)
        said = " ".join(f"{line.title}: {line.words}" for line in failing)
        super().__init__(_("The promotion policy does not let it pass. {said}").format(said=said))


GateFunction = Callable[[ModelVersion, ModelVersion | None, User | None], list[GateLine]]
_gate_functions: list[GateFunction] = []


def set_gate(evaluate: GateFunction) -> None:
    """Register the function that evaluates every promotion."""
    _gate_functions[:] = [evaluate]


def evaluate(version: ModelVersion, champion: ModelVersion | None, by: User | None) -> list[GateLine]:
    """Every line, asked or not, of a promotion over that champion by that person (None: a command or the night)."""
    (gate_function,) = _gate_functions
    return gate_function(version, champion, by)


def state(lines: Sequence[GateLine]) -> State:
    """Return the gate's answer. A gate of which nothing is asked is no open one: nothing was checked."""
    if any(line.fails for line in lines):
        return State.CLOSED
    return State.OPEN if any(line.asked for line in lines) else State.NOTHING_ASKED


def worst_first(lines: Sequence[GateLine]) -> list[GateLine]:
    """Return the lines as people read them: those that do not hold, those not known, those that hold, the others."""
    order = {False: 0, None: 1, True: 2}
    return sorted(lines, key=lambda line: order[line.holds] if line.asked else 3)


def check(lines: Sequence[GateLine], override: str) -> None:
    """Raise GateClosed where a line fails and nobody says why it shall be passed over."""
    failing = [line for line in lines if line.fails]
    if failing and not override:
        raise GateClosed(failing)
