"""Paired significance tests of two versions on the same parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Result of a paired test: parts that only the first or only the second version got right.

    ``n`` parts were judged by both. ``p_value`` is the chance that two equally good versions differ so much; 1 if they
    differ on no part.
    """

    first_only: int
    second_only: int
    n: int
    p_value: float


def mcnemar(first_right: Sequence[bool], second_right: Sequence[bool], parts: Sequence[str]) -> PairedTest:
    """Compute McNemar's two-sided test in its mid-p form.

    The mid-p form has nearly the power of the asymptotic test and hardly ever exceeds its level (Fagerland, Lydersen
    and Laake, BMC Medical Research Methodology 13, 2013, thousands of cases). Each sequence has one entry per image. A
    part counts once, as right if all its images are right.

    Raises ValueError for sequences of different lengths.
    """
    first: dict[str, bool] = {}
    second: dict[str, bool] = {}
    for first_correct, second_correct, part in zip(first_right, second_right, parts, strict=True):
        first[part] = first.get(part, True) and first_correct
        second[part] = second.get(part, True) and second_correct
    first_only = sum(first[part] and not second[part] for part in first)
    second_only = sum(second[part] and not first[part] for part in first)
    return PairedTest(first_only, second_only, len(first), _mid_p(first_only, second_only))


def _mid_p(first_only: int, second_only: int) -> float:
    """Return the two-sided mid-p value of a fair coin; 1 without any toss.

    The value is the chance of a more uneven split plus half the chance of an equally uneven split. Integers avoid
    underflow and SciPy, which no web process loads.
    """
    coins, fewer = first_only + second_only, min(first_only, second_only)
    if not coins:
        return 1.0
    ways, below = 1, 0  # ways to get exactly `fewer` heads, and less than `fewer`
    for heads in range(fewer):
        below += ways
        ways = ways * (coins - heads) // (heads + 1)
    # An uneven split has a mirror image; an even split is its own mirror image.
    return (4 * below + (ways if first_only == second_only else 2 * ways)) / (1 << (coins + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for multiple testing (Holm, Scandinavian Journal of Statistics 6, 1979).

    Compared with a level, the adjusted values keep the chance of any false positive below that level.
    """
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = least
    return adjusted
