"""Verdicts are final: what the database refuses to change in a decided inspection."""

from __future__ import annotations

import pgtrigger

# What never changes once a verdict was given.
DECISION_FIELDS = (
    "state",
    "verdict",
    "reasons",
    "label",
    "inclusion",
    "defect_probability",
    "reconstruction_error",
    "anomaly_threshold",
    "novel_defect_suspected",
    "novelty",
    "model_version",
)


def decision_changes() -> pgtrigger.Q:
    """An update that would change a decided inspection's verdict or the scores behind it."""
    changed = pgtrigger.Q()
    for name in DECISION_FIELDS:
        changed |= pgtrigger.Q(**{f"old__{name}__df": pgtrigger.F(f"new__{name}")})
    return pgtrigger.Q(old__state="decided") & changed
