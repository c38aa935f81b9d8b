"""Second Look as `make up` runs it, without the demo.

Embedded databases, web, workers and beat run. There are two stations, and a champion trained on drawn parts.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from mltasks.vision.benchmarks.printing import PrintLine
from webapp.benchmarks.serving import parts
from webapp.benchmarks.serving.processes import cpu_seconds, listens_on, running_process, with_children
from webapp.supervisor.embedded_server import read_pid
from webapp.supervisor.valkey import free_port

if TYPE_CHECKING:
    from mltasks.models import ModelVersion
    from mltasks.vision.serving.precisions import Precision

PRODUCT = "bench"
# The size that training would choose for the drawn parts; the training length does not change the cost of a part.
TRAINING_SETTINGS = {
    "height": 512,
    "width": 288,
    "synthetic_views": 1,
    "folds": 2,
    "views": 1,
    "max_epochs": 4,
    "dense_epochs": 8,
    "autoencoder_epochs": 1,
    "stage_epochs": 3,
    "stage_labels": 1,
    "draws_cap": 128,
    "trade_points": 0,
    "curve_shares": [],
}
WEB, POSTGRES, WORKERS = "web", "PostgreSQL", "workers"


@dataclass
class RunningSite:
    """Port, station keys, folder and supervisor of the running site; ``name`` is shown in tables.

    Cameras send ``crops``, or ``frames`` to a station with a region of interest.
    """

    port: int
    keys: dict[str, str]
    folder: Path
    supervisor: psutil.Process
    name: str = "Second Look"
    _web: psutil.Process | None = None

    @property
    def url(self) -> str:
        """Return the address that parts are posted to."""
        return inspections_url(self.port)

    def headers(self, kind: str) -> dict[str, str]:
        """Return the headers of the station that sends images of this kind."""
        return {"Authorization": f"Api-Key {self.keys[kind]}"}

    def graph(self) -> tuple[Path, str]:
        """Return the champion's graph that this machine serves: its file, and the number format of the rest."""
        champion, precision = self._served()
        return champion.path / precision.graph, precision.number_format

    def describe_version(self) -> str:
        """Return the champion's input size, the precision that this machine serves, and the checks, as text."""
        champion, precision = self._served()
        size, checks = champion.meta["input"], champion.meta["precision"]["checks"]
        checked = [f"  {name}: {one['milliseconds']} ms. {one['why']}" for name, one in checks.items()]
        # Versions of earlier sites have no reasons.
        refused = champion.meta["precision"].get("refused", {})
        checked += [f"  8 bits for {names} were refused: {why}" for names, why in refused.items()]
        served = f"version {champion.number}: {size['height']} × {size['width']} pixels, served as {precision.name}"
        return "\n".join([served, *checked])

    @staticmethod
    def _served() -> tuple[ModelVersion, Precision]:
        from mltasks.models import ModelVersion
        from mltasks.registry.precision_choice import choose_precision

        champion = ModelVersion.objects.get(state=ModelVersion.State.CHAMPION)
        return champion, choose_precision(champion)

    def web_processes(self) -> list[psutil.Process]:
        """Return the processes of the web server: the supervisor's program that listens on the site's port."""
        if self._web is None or not self._web.is_running():
            programs = self.supervisor.children()
            self._web = next((program for program in programs if listens_on(program, self.port)), None)
        return with_children(self._web) if self._web else []

    def cpu_seconds(self) -> dict[str, float]:
        """Return processor seconds so far of the web processes, PostgreSQL, and all others: workers, beat, Valkey."""
        postmaster = [one for one in self.supervisor.children() if one.pid == self._postgres_pid()]
        counted = {
            WEB: self.web_processes(),
            POSTGRES: [one for server in postmaster for one in with_children(server)],
        }
        named = {one.pid for group in counted.values() for one in group}
        others = [one for one in self.supervisor.children(recursive=True) if one.pid not in named]
        return {name: cpu_seconds(group) for name, group in {**counted, WORKERS: others}.items()}

    def stop_postgres(self) -> None:
        """Stop PostgreSQL by SIGQUIT, its immediate shutdown, as in a crash; the supervisor starts it again."""
        if pid := self._postgres_pid():
            os.kill(pid, signal.SIGQUIT)

    def _postgres_pid(self) -> int | None:
        return read_pid(self.folder / "var" / "postgres" / "postmaster.pid")


def inspections_url(port: int) -> str:
    """Return the address that parts are posted to."""
    return f"http://127.0.0.1:{port}/api/v1/inspections/"


@contextmanager
def running_site(folder: Path, say: PrintLine, environment: Mapping[str, str] | None = None) -> Iterator[RunningSite]:
    """Start the site with a promoted champion and further variables in its environment; stop it afterwards.

    A folder of an earlier run is used again, with its champion.
    """
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    os.environ |= {
        "PORT": str(port),
        "VAR": str(folder / "var"),
        "MEDIA_ROOT": str(folder / "media"),
        "DEMO": "0",
        "BACKBONE_WEIGHTS": "shipped",
        "DJANGO_SETTINGS_MODULE": "webapp.settings",
        "STATION_RATE": "100000/second",
        "LOG_LEVEL": "WARNING",
        **(environment or {}),
    }
    ready = f"http://127.0.0.1:{port}/readyz"
    with running_process(("manage.py", "up", "--tied"), folder / "up.log", ready, {}) as supervisor:
        import django

        django.setup()
        yield RunningSite(port, _issue_keys() or _prepare_product(say), folder, supervisor)


def _issue_keys() -> dict[str, str]:
    """Return new keys of an earlier run's stations; empty if there are none."""
    from inspection.models import Station
    from inspection.products.stations import issue_key

    return {station.name: issue_key(station) for station in Station.objects.filter(product__slug=PRODUCT)}


def _prepare_product(say: PrintLine) -> dict[str, str]:
    from inspection.products.products import create_product
    from inspection.products.stations import create_station
    from labeling.datasets.retraining import retrain
    from labeling.folder_import.label_import import import_images
    from mltasks.models import TrainingRun
    from mltasks.registry import registry
    from mltasks.runs.execution import execute
    from mltasks.training import training

    product = create_product(PRODUCT)
    product.training_settings = TRAINING_SETTINGS
    product.save(update_fields=["training_settings"])
    with tempfile.TemporaryDirectory(prefix="sl-bench-") as name:
        parts.write_training_set(Path(name))
        import_images(product, Path(name))
    say("training a version ...")
    run = retrain(product, trigger=TrainingRun.Trigger.COMMAND, enqueue=False)
    version = execute(training.TrainingExecutor(), run, lambda _: None)
    registry.promote(version, by=None, reason="Version of the benchmark.")
    roi = ",".join(map(str, parts.REGION))
    return {"crops": create_station(product, "crops")[1], "frames": create_station(product, "frames", roi)[1]}
