"""Matrix of two versions' verdicts: numbers of parts by the champion's and the candidate's verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from inspection.models import Verdict

VERDICT_ORDER = (Verdict.PASS, Verdict.REVIEW, Verdict.FAIL)
# The champion's verdict, then for each verdict of the candidate: it, the number of parts, and True if both are equal.
MatrixRow = tuple[str, list[tuple[str, int, bool]]]


def count_verdicts(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Return counts of parts by the champion's verdict (outer) and the candidate's (inner)."""
    count = Counter(pairs)
    names = [str(verdict) for verdict in VERDICT_ORDER]
    return {champion: {candidate: count[champion, candidate] for candidate in names} for champion in names}


def matrix_rows(matrix: Mapping[str, Mapping[str, int]]) -> list[MatrixRow]:
    """Return the rows of a matrix in page order; empty without a matrix."""
    order = [str(verdict) for verdict in VERDICT_ORDER if verdict in matrix]
    return [(champion, [(name, matrix[champion][name], name == champion) for name in order]) for champion in order]
