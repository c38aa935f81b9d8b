"""Write of a verdict with its maps and embedding: one statement, fenced by the lease."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Model, UUIDField
from numpy.typing import NDArray

from inspection.models import Embedding, Inspection
from inspection.scoring.scoring_lease import NO_LEASE, require_token
from mltasks.models.prepared_queries import Param, PreparedUpdate

# Recovery repeats the verdict after a crash of the server, so that a part is synced once: docs/crashes.md.
_WITHOUT_SYNC = "set_config('synchronous_commit', 'off', true)"
_MAPS = "maps AS (INSERT INTO inspection_scoremaps (inspection_id, packed) SELECT id, %s FROM decided)"
_EMBEDDING = (
    "embedding AS (INSERT INTO inspection_embedding (inspection_id, product_id, space, vector) "
    "SELECT id, product_id, %s, %s::halfvec FROM decided ON CONFLICT (inspection_id) "
    "DO UPDATE SET product_id = EXCLUDED.product_id, space = EXCLUDED.space, vector = EXCLUDED.vector)"
)


def write_verdict(
    inspection: Inspection,
    fields: Mapping[str, Any],
    *,
    maps: bytes = b"",
    embedding: NDArray[np.float32] | None = None,
    space: str = "",
) -> bool:
    """Write the verdict's fields to a leased part's row and object, and end the lease.

    The commit is synced unless recovery would give the same verdict: the row already names the version that scored. The
    verdict of a deferred part does not follow from its scores.
    Returns False and writes nothing if the lease was lost. Raises ValueError for a part without a lease.
    """
    decided = {**fields, **NO_LEASE}
    stored = {name: value.pk if isinstance(value, Model) else value for name, value in decided.items()}
    update, values = _update(tuple(decided)).bind(stored, part=inspection.pk, token=require_token(inspection))
    same_version = stored["model_version"] is not None and stored["model_version"] == inspection.model_version_id
    repeatable = same_version and not stored["scoring_deferred"]
    steps = [f"decided AS ({update} RETURNING id, product_id, {_WITHOUT_SYNC if repeatable else 'NULL'})"]
    if maps:
        steps.append(_MAPS)
        values.append(maps)
    if embedding is not None:
        steps.append(_EMBEDDING)
        vector = Embedding._meta.get_field("vector").get_db_prep_save(embedding, connection)
        values += [space, vector]
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {', '.join(steps)} SELECT count(*) FROM decided", values)  # noqa: S608
        [written] = cursor.fetchone()
    if written:
        for name, value in decided.items():
            setattr(inspection, name, value)
    return bool(written)


@cache
def _update(names: tuple[str, ...]) -> PreparedUpdate:
    held = Inspection.objects.awaiting_score().filter(
        pk=Param("part", UUIDField()), lease_token=Param("token", UUIDField())
    )
    return PreparedUpdate(lambda: held, names)
