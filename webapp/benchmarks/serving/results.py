"""Results of the bench: one row for each load on each server."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.benchmarks.serving.load import Load

HEAD = f"{'':<21}{'clients':>8}{'parts/s':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'MB':>9}"


@dataclass
class Row:
    """One load on one server."""

    server: str
    kind: str
    load: Load
    memory: float
    lost: int | None = None

    def line(self) -> str:
        """One line of the table."""
        load = self.load
        figures = f"{load.rate:9.1f}{load.at(50):9.0f}{load.at(95):9.0f}{load.at(99):9.0f}{self.memory:9.0f}"
        refused = {name: number for name, number in load.statuses.items() if name not in ("200", "201")}
        kept = "" if self.lost is None else f"   {len(load.answers)} kept, {self.lost} lost"
        return f"{self.server:<13}{self.kind:<8}{load.clients:>8}{figures}{kept}{f'   {refused}' if refused else ''}"
