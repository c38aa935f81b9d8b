"""Published weights file in the torch hub cache, downloaded with one short attempt."""

from __future__ import annotations

import os
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import torch

from mltasks.vision.serving.bundle import file_sha256

FAILURE_MEMORY_S = 24 * 3600.0
_CHUNK = 1 << 20
_failed_paths: set[Path] = set()


@dataclass(frozen=True, slots=True)
class HubFile:
    """File that torch hub publishes; its name ends in the first digits of its sha256."""

    url: str
    sha256_prefix: str

    @property
    def path(self) -> Path:
        """Return torch hub's path: ``$TORCH_HOME/hub/checkpoints``, ``~/.cache/torch/…`` by default."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.url.rsplit("/", 1)[-1]

    @property
    def marker(self) -> Path:
        """Return the path of the empty file whose age tells when a download last failed."""
        return self.path.with_name(self.path.name + ".unreachable")


class HubUnreachableError(Exception):
    """Error for a file that is neither cached nor downloaded in time; the message says why."""


@dataclass(slots=True)
class _Transfer:
    """Download in its own thread, because resolving a host name has no timeout."""

    file: HubFile
    timeout_s: float
    problem: str = "no answer"
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            self._fetch()
            self.problem = ""
        except (OSError, ValueError) as error:
            self.problem = str(error) or type(error).__name__

    def _fetch(self) -> None:
        self.file.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.file.path.parent, prefix=self.file.path.name, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as part, urllib.request.urlopen(self.file.url, timeout=self.timeout_s) as body:  # noqa: S310 - the registry's https address
                while not self.stop.is_set() and (chunk := body.read(_CHUNK)):
                    part.write(chunk)
            if self.stop.is_set():
                raise OSError("the download was too slow")
            if not file_sha256(Path(name)).startswith(self.file.sha256_prefix):
                raise OSError("the downloaded file has the wrong sha256")
            Path(name).replace(self.file.path)
        finally:
            Path(name).unlink(missing_ok=True)


def fetch_hub_file(file: HubFile, timeout_s: float, *, retry_failed: bool = False) -> Path:
    """Return the cached file's path; download the file first if it is missing.

    A failed download is remembered, in the process and for a day in the cache. It is repeated only if ``retry_failed``.
    Takes at most about ``timeout_s`` seconds. Raises HubUnreachableError."""
    if file.path.is_file():
        return file.path
    if not retry_failed and _failed_lately(file):
        raise HubUnreachableError("an earlier download failed")
    transfer = _Transfer(file, timeout_s)
    thread = threading.Thread(target=transfer.run, name="hub-download", daemon=True)
    thread.start()
    thread.join(timeout_s)
    transfer.stop.set()
    if transfer.problem:
        problem = f"no complete answer within {timeout_s:.0f} s" if thread.is_alive() else transfer.problem
        _remember_failure(file)
        raise HubUnreachableError(problem)
    file.marker.unlink(missing_ok=True)
    return file.path


def _failed_lately(file: HubFile) -> bool:
    if file.path in _failed_paths:
        return True
    return file.marker.is_file() and time.time() - file.marker.stat().st_mtime < FAILURE_MEMORY_S


def _remember_failure(file: HubFile) -> None:
    _failed_paths.add(file.path)
    try:
        file.marker.parent.mkdir(parents=True, exist_ok=True)
        file.marker.touch()
    except OSError:
        # A read-only cache cannot hold the marker. This process remembers the failure; the next process tries once
        # more.
        return
