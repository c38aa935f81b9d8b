"""Removal of further scores after the selection, for versions that must compute less than the best one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mltasks.vision.calibration.score_selection import divide_parts, part_losses


def least_needed_score(
    scores: Mapping[str, Sequence[float]],
    targets: Sequence[int],
    parts: Sequence[str],
    seed: int,
    removable: Collection[str],
    detectors: Collection[str] = (),
) -> tuple[str, float] | None:
    """Return the removable score without which the held-out log loss rises least, and the rise.

    ``detectors`` form a sum of their own, as in ``fit_fusion``; other arguments as for ``fit_selected_fusion``. A
    removable name without a score, such as a detector outside the fusion, raises no loss. With too few parts to divide,
    the last removable name is returned. None without a removable name or another score.
    """
    names = [name for name in removable if set(scores) - {name}]
    if not names:
        return None
    if (folds := divide_parts(parts, targets, seed)) is None:
        return names[-1], 0.0
    before = part_losses(scores, targets, *folds, detectors).mean()

    def rise(name: str) -> float:
        if name not in scores:
            return 0.0
        kept = {other: values for other, values in scores.items() if other != name}
        return float(part_losses(kept, targets, *folds, detectors).mean() - before)

    rises = {name: rise(name) for name in names}
    least = min(names, key=lambda name: rises[name])
    return least, round(rises[least], 6)
