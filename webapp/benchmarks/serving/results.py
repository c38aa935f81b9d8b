"""Results of the bench: one row for each load on each server."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.benchmarks.serving.load import Load

TABLE_HEADER = f"{'':<21}{'clients':>8}{'parts/s':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'MB':>9}"


@dataclass
class LoadResult:
    """One load on one server."""

    server: str
    kind: str
    load: Load
    memory: float
    lost: int | None = None

    def table_row(self) -> str:
        """Return one line of the table."""
        load = self.load
        percentiles = "".join(f"{load.percentile(percent):9.0f}" for percent in (50, 95, 99))
        figures = f"{load.rate:9.1f}{percentiles}{self.memory:9.0f}"
        kept = "" if self.lost is None else f"   {len(load.answers)} stored, {self.lost} lost"
        refused = f"   {load.refusals}" if load.refusals else ""
        return f"{self.server:<13}{self.kind:<8}{load.clients:>8}{figures}{kept}{refused}"
