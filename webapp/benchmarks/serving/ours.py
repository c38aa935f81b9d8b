"""Second Look as `make up` runs it, without the demo.

Embedded databases, web, workers and beat run. There are two stations, and a champion trained on drawn parts at the
size that training chooses.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from mltasks.vision.benchmarks.printing import PrintLine
from webapp.benchmarks.serving import parts
from webapp.benchmarks.serving.load import Load
from webapp.benchmarks.serving.processes import running_process
from webapp.supervisor.valkey import free_port

PRODUCT = "bench"
# The training length does not change the cost of a part.
TRAINING_SETTINGS = {
    "folds": 2,
    "views": 1,
    "max_epochs": 1,
    "dense_epochs": 1,
    "autoencoder_epochs": 1,
    "stage_epochs": 1,
    "stage_labels": 1,
    "draws_cap": 48,
    "trade_points": 0,
    "curve_shares": [],
}
GOOD_COUNT, SCRATCH_COUNT, EXCESS_COUNT = 24, 12, 12


@dataclass(frozen=True)
class RunningSite:
    """Address, station keys and processes of the running site.

    Cameras send ``crops``, or ``frames`` to a station with a region of interest.
    """

    address: str
    keys: dict[str, str]
    supervisor: psutil.Process

    @property
    def url(self) -> str:
        """Return the address that parts are posted to."""
        return f"{self.address}/api/v1/inspections/"

    def headers(self, kind: str) -> dict[str, str]:
        """Return the headers of the station that sends images of this kind."""
        return {"Authorization": f"Api-Key {self.keys[kind]}"}

    def graph_path(self) -> Path:
        """Return the path of the champion's serving graph."""
        from mltasks.models import ModelVersion
        from mltasks.vision.serving.bundle import GRAPH

        return ModelVersion.objects.get(state=ModelVersion.State.CHAMPION).path / GRAPH

    def web_processes(self) -> list[psutil.Process]:
        """Return the web processes."""
        children = self.supervisor.children(recursive=True)
        return [process for process in children if "webapp.wsgi" in _command_line(process)]


@contextmanager
def running_site(folder: Path, say: PrintLine) -> Iterator[RunningSite]:
    """Start the site with a promoted champion; stop it afterwards."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    environment = {
        "PORT": str(port),
        "VAR": str(folder / "var"),
        "MEDIA_ROOT": str(folder / "media"),
        "DEMO": "0",
        "BACKBONE_WEIGHTS": "shipped",
        "DJANGO_SETTINGS_MODULE": "webapp.settings",
        "STATION_RATE": "100000/second",
        "LOG_LEVEL": "WARNING",
    }
    os.environ |= environment
    address = f"http://127.0.0.1:{port}"
    with running_process(
        ("manage.py", "up", "--tied"), folder / "up.log", f"{address}/readyz", environment
    ) as supervisor:
        import django

        django.setup()
        yield RunningSite(address, _prepare_product(say), supervisor)


def count_lost(load: Load, images: Sequence[Path]) -> int:
    """Count answered parts that are not in PostgreSQL, or not on disk with the sent bytes."""
    from inspection.images import image_files
    from inspection.models import Inspection

    sent = [hashlib.sha256(path.read_bytes()).hexdigest() for path in images]
    rows = Inspection.objects.in_bulk([str(answer["id"]) for _, answer in load.answers])
    by_id, on_disk = {str(key): row for key, row in rows.items()}, dict[str, str]()

    def is_stored(number: int, answer: Mapping[str, object]) -> bool:
        row = by_id.get(str(answer["id"]))
        if row is None or row.image_sha256 != sent[number] or not row.verdict:
            return False
        if row.image_name not in on_disk:
            with image_files.open_image(row) as stored:
                on_disk[row.image_name] = hashlib.sha256(stored.read()).hexdigest()
        return on_disk[row.image_name] == sent[number]

    return sum(not is_stored(number, answer) for number, answer in load.answers)


def _prepare_product(say: PrintLine) -> dict[str, str]:
    from inspection.products.products import create_product
    from inspection.products.stations import create_station
    from labeling.datasets.retraining import retrain
    from labeling.folder_import.label_import import import_images
    from mltasks.models import TrainingRun
    from mltasks.registry import registry
    from mltasks.runs.execution import execute
    from mltasks.training import training
    from mltasks.vision.drawing.line import labeled_set, write_image_folder

    product = create_product(PRODUCT)
    product.training_settings = TRAINING_SETTINGS
    product.save(update_fields=["training_settings"])
    with tempfile.TemporaryDirectory(prefix="sl-bench-") as name:
        write_image_folder(Path(name), labeled_set(5, good=GOOD_COUNT, scratch=SCRATCH_COUNT, excess=EXCESS_COUNT))
        import_images(product, Path(name))
    say("training a version ...")
    run = retrain(product, trigger=TrainingRun.Trigger.COMMAND, enqueue=False)
    version = execute(training.TrainingExecutor(), run, lambda _: None)
    registry.promote(version, by=None, reason="Version of the benchmark.")
    size = version.meta["input"]
    say(f"input size of version {version.number}: {size['height']} × {size['width']} pixels")
    # Region of interest: the part's position in a frame
    roi = ",".join(map(str, parts.PART_BOX))
    return {"crops": create_station(product, "crops")[1], "frames": create_station(product, "frames", roi)[1]}


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
