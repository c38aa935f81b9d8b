"""Whether two versions differ on the same parts, or only as chance would have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Parts that only the first got right, and only the second, of ``n`` parts that both judged. ``p_value`` is the
    chance that two equally good versions differ so much; 1 where they differ on none."""

    first_only: int
    second_only: int
    n: int
    p_value: float

    @property
    def discordant(self) -> int:
        """On how many parts one of the two was right and the other wrong."""
        return self.first_only + self.second_only


def mcnemar(first_right: Sequence[bool], second_right: Sequence[bool], parts: Sequence[str]) -> PairedTest:
    """McNemar's test in its mid-p form, two-sided (Fagerland, Lydersen and Laake, BMC Medical Research Methodology 13,
    2013: nearly the power of the asymptotic test, and of thousands of cases they tried it hardly ever went over its
    level).

    One entry an image in each sequence. A part is counted once, and as right where all its images are. Raises
    ValueError for sequences of different lengths.
    """
    first: dict[str, bool] = {}
    second: dict[str, bool] = {}
    for one, other, part in zip(first_right, second_right, parts, strict=True):
        first[part] = first.get(part, True) and one
        second[part] = second.get(part, True) and other
    first_only = sum(first[part] and not second[part] for part in first)
    second_only = sum(second[part] and not first[part] for part in first)
    return PairedTest(first_only, second_only, len(first), _mid_p(first_only, second_only))


def _mid_p(first_only: int, second_only: int) -> float:
    """The chance that so many fair coins fall more unevenly than this, and half the chance of just as unevenly; 1
    without any coin. In whole numbers, so that nothing underflows, and without SciPy, which no web process loads."""
    coins, fewer = first_only + second_only, min(first_only, second_only)
    if not coins:
        return 1.0
    ways, below = 1, 0  # to have `fewer` heads, and to have less
    for heads in range(fewer):
        below += ways
        ways = ways * (coins - heads) // (heads + 1)
    # An uneven split has its mirror image, an even one is its own.
    return (4 * below + (ways if first_only == second_only else 2 * ways)) / (1 << (coins + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p-value as it counts when all of them were looked at (Holm, Scandinavian Journal of Statistics 6, 1979): the
    chance that any of the differences called real is none stays below the level they are compared with."""
    found, least = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[at]))
        found[at] = least
    return found
