"""A version's scorer is loaded once in a process, verified, and never needs torch."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from django.conf import settings
from prometheus_client import REGISTRY

from mltasks.models import ModelVersion, RegisteredModel
from mltasks.registry import registry, scorers
from mltasks.vision.serving import bundle
from mltasks.vision.serving.bundle import BundleCorrupt
from mltasks.vision.serving.scorer import Scorer
from tests.tiny_model import PLAIN_CONFIG, MakeVersion, replace_file


def test_it_loads_once_and_scores(model: RegisteredModel, make_version: MakeVersion) -> None:
    version = make_version(model)
    scorer = scorers.get_scorer(version)
    assert scorers.get_scorer(ModelVersion.objects.get()) is scorer
    image = np.full((PLAIN_CONFIG.height, PLAIN_CONFIG.width, 3), 60, np.uint8)
    (scores,) = scorer.score([image])
    assert 0 <= scores.defect_probability <= 1
    assert scores.reconstruction_error > 0


def test_a_promotion_changes_the_next_scorer(model: RegisteredModel, make_version: MakeVersion) -> None:
    first, second = make_version(model, champion=True), make_version(model)

    def next_scorer() -> Scorer:
        champion = registry.champion(model)
        assert champion is not None
        return scorers.get_scorer(champion)

    before = next_scorer()
    registry.promote(second, by=None, reason="Newer.")
    assert next_scorer() is not before
    registry.promote(first, by=None, reason="Back.")
    assert next_scorer() is before


def test_it_refuses_files_that_changed_and_recovers(model: RegisteredModel, make_version: MakeVersion) -> None:
    version = make_version(model)
    graph = version.path / "serving.bin"
    content = graph.read_bytes()
    replace_file(graph, content[:-1])
    for _ in range(2):
        with pytest.raises(BundleCorrupt, match=r"serving\.bin"):
            scorers.get_scorer(version)
    replace_file(graph, content)
    assert scorers.get_scorer(version).sha256 == version.sha256


def test_threads_that_need_one_at_once_load_it_once() -> None:
    loads: list[int] = []

    def slow(version: ModelVersion) -> Scorer:
        loads.append(version.pk)
        time.sleep(0.1)
        return object()  # type: ignore[return-value]

    cache = scorers.ScorerCache(slow, size=lambda _: 1)
    version = ModelVersion(pk=1, sha256="a")
    found: list[Scorer] = []
    threads = [threading.Thread(target=lambda: found.append(cache.get(version))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == [1]
    assert len({id(scorer) for scorer in found}) == 1


def loads_of(keys: Sequence[int], budget: int, at_least: int = 1) -> list[int]:
    """Return what a cache loads that is asked for these versions; number n takes n megabytes."""
    loads: list[int] = []

    def load(version: ModelVersion) -> Scorer:
        loads.append(version.pk)
        return version.pk  # type: ignore[return-value]

    cache = scorers.ScorerCache(load, budget, min_entries=at_least, size=lambda scorer: scorer)  # type: ignore[arg-type,return-value]
    for key in keys:
        cache.get(ModelVersion(pk=key, sha256="a"))
    assert cache.total_bytes <= max(budget, *keys) if at_least == 1 else True
    return loads


def test_it_keeps_what_its_memory_holds() -> None:
    six = [1, 2, 3, 4, 5, 6]
    assert loads_of(six * 3, budget=21) == six, "Six products, each loaded once"
    assert loads_of([1, 2, 1, 3, 1, 2], budget=4) == [1, 2, 3, 2], "The least recently used makes room"
    assert loads_of([5, 5, 1, 5], budget=2) == [5, 1, 5], "One that is too large by itself stays until another comes"
    assert loads_of([5, 6, 5, 6, 7, 6], budget=0, at_least=2) == [5, 6, 7]


def test_it_makes_room_before_it_loads() -> None:
    live, most = set[int](), list[int]()

    class Version(SimpleNamespace):
        def __del__(self) -> None:
            live.discard(self.number)

    def load(version: Any) -> Any:
        most.append(len(live))
        live.add(version.pk)
        return Version(number=version.pk)

    cache = scorers.ScorerCache(load, 5, size=lambda _: 2)
    for number in (1, 2, 3, 4, 5):
        cache.get(ModelVersion(pk=number, sha256="a"))
    assert most == [0, 1, 1, 1, 1], "Never three at a time"


def test_a_loaded_version_keeps_no_pages_of_its_weights(model: RegisteredModel, make_version: MakeVersion) -> None:
    path = make_version(model).path
    scorer = Scorer.load(path, threads=1)
    weights = str((path / bundle.GRAPH).with_suffix(".bin").resolve())
    mapped = [region for region in psutil.Process().memory_maps() if region.path == weights]
    assert mapped and mapped[0].rss < 0.5 * mapped[0].size
    blank = np.zeros((*scorer.input_size[:2], 3), np.uint8)
    assert scorer.score([blank]) == scorer.score([blank]), "What it needs is read again"


def test_its_metrics_say_what_is_loaded() -> None:
    before = REGISTRY.get_sample_value("second_look_scorer_evictions_total") or 0
    loads_of([1, 2, 3], budget=5)
    assert REGISTRY.get_sample_value("second_look_scorer_versions") == 2
    assert REGISTRY.get_sample_value("second_look_scorer_bytes") == 5
    assert REGISTRY.get_sample_value("second_look_scorer_evictions_total") == before + 1


def test_its_estimate_of_memory_is_near_what_a_version_takes(model: RegisteredModel, make_version: MakeVersion) -> None:
    version = make_version(model)
    script = f"""
import numpy, openvino, psutil
from pathlib import Path
from mltasks.vision.serving.bundle import BundleCorrupt
from mltasks.vision.serving.scorer import Scorer
from mltasks.vision.serving.bundle import BundleCorrupt
openvino.Core()
before = psutil.Process().memory_info().rss
scorer = Scorer.load(Path({str(version.path)!r}), threads=1)
scorer.score([numpy.zeros((*scorer.input_size[:2], 3), numpy.uint8)])
print(scorer.memory_bytes / (psutil.Process().memory_info().rss - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=settings.BASE_DIR, capture_output=True, text=True, check=True
    )
    assert 0.6 < float(done.stdout) < 1.6


def test_scoring_never_imports_torch() -> None:
    script = (
        "import sys, django; django.setup(); from mltasks import admin, tasks; "
        "from mltasks.api import urls, versions; from mltasks.registry import scorers; "
        "from mltasks.runs import run_recovery; "
        "from mltasks.training import training; "
        "print([name for name in ('torch', 'sklearn', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=settings.BASE_DIR, capture_output=True, text=True, check=True,
        env={"DJANGO_SETTINGS_MODULE": "webapp.settings", "VAR": str(settings.VAR), "PATH": ""},
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
