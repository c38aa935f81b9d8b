"""``manage.py benchmark`` on small networks, for the protocols' tests."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from django.core.management import call_command

TINY = {
    "height": 64,
    "width": 64,
    "backbone_weights": "random",
    "max_epochs": 1,
    "dense_epochs": 1,
    "autoencoder_epochs": 1,
    "views": 1,
    "oversampling": 1,
    "threads": 1,
}


def run_benchmark(name: str, data: Path, *arguments: str, out: io.StringIO | None = None, **settings: Any) -> str:
    """What the command prints; one repeat, unless the arguments say otherwise."""
    out = out or io.StringIO()
    pairs = [f"--set={key}={json.dumps(value)}" for key, value in {**TINY, **settings}.items()]
    call_command("benchmark", name, "--data", str(data), "--repeats", "1", *pairs, *arguments, stdout=out)
    return out.getvalue()


def benchmark_json(name: str, data: Path, *arguments: str, **settings: Any) -> dict[str, Any]:
    """The JSON that the command prints last."""
    printed = run_benchmark(name, data, *arguments, **settings)
    found: dict[str, Any] = json.loads(printed[printed.index("{\n") :])
    return found


def assert_is_share(figure: dict[str, float]) -> None:
    """A single run's share, which has no interval."""
    assert figure["runs"] == 1
    assert 0 <= figure["mean"] <= 1
    assert figure["low"] == figure["mean"] == figure["high"], "One run has no interval."
