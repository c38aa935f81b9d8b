"""`Inspection.person_says`: the verdict of a part's standing label, kept by the database so that no writer forgets it.

The history's filters go by it, and an index has it in the order of arrival. A join to the labels would walk all parts
to find the few that are labeled.
"""

from __future__ import annotations

import pgtrigger

# The newest that nobody took back, as `LabelQuerySet.standing`. Counted, not joined: a join planned while nothing was
# taken back yet would read all that were, for each label, as long as the plan is kept.
_KEEP = """
    part := {part};
    SELECT label.verdict INTO said FROM labeling_label label
    WHERE label.inspection_id = part
        AND (SELECT count(*) FROM labeling_labelundo undone WHERE undone.label_id = label.id) = 0
    ORDER BY label.created_at DESC, label.id DESC LIMIT 1;
    UPDATE inspection_inspection SET person_says = said WHERE id = part AND person_says IS DISTINCT FROM said;
    RETURN NULL;
"""


def says_so(part: str) -> pgtrigger.Trigger:
    """The trigger that writes what the label says that counts now, after a new row that concerns ``part`` (SQL)."""
    return pgtrigger.Trigger(
        name="person_says",
        operation=pgtrigger.Insert,
        when=pgtrigger.After,
        declare=[("part", "uuid"), ("said", "varchar")],
        func=_KEEP.format(part=part),
    )
