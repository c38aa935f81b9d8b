"""`Inspection.person_says`: the verdict of a part's standing label, kept by the database so that no writer forgets it.

The history's filters go by it, and an index has it in the order of arrival. A join to the labels would walk all parts
to find the few that are labeled.
"""

from __future__ import annotations

import pgtrigger

# The newest that nobody took back, as `LabelQuerySet.standing`.
STANDING = """(
    SELECT said.verdict FROM labeling_label said LEFT JOIN labeling_labelundo undone ON undone.label_id = said.id
    WHERE said.inspection_id = part.id AND undone.id IS NULL ORDER BY said.created_at DESC, said.id DESC LIMIT 1
)"""


def says_so(part: str) -> pgtrigger.Trigger:
    """The trigger that writes what the label says that counts now, after a new row that concerns ``part`` (SQL)."""
    return pgtrigger.Trigger(
        name="person_says",
        operation=pgtrigger.Insert,
        when=pgtrigger.After,
        func=f"""
            UPDATE inspection_inspection part SET person_says = {STANDING}
            WHERE part.id = {part} AND part.person_says IS DISTINCT FROM {STANDING};
            RETURN NULL;
        """,  # noqa: S608 - our own words
    )
