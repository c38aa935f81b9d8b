"""A real S3 server on loopback, and machines that share a bucket of it. A pytest plugin.

Fixtures: ``bucket``, which makes the test's process one of the machines that share it.
"""

from __future__ import annotations

import hashlib
import io
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PREFIX = "plant-1"


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """The server's address."""
    from moto.server import ThreadedMotoServer  # late: two seconds that other tests don't pay

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class SharedBucket:
    """A bucket of the test's own, read and changed past our own code."""

    def __init__(self, address: str, settings: Any, folder: Path) -> None:
        import boto3

        self.name = f"look-{uuid.uuid4().hex[:12]}"
        self._address, self._settings, self._folder, self._machines = address, settings, folder, 0
        self._client = boto3.client("s3", endpoint_url=address, region_name="us-east-1")
        self._client.create_bucket(Bucket=self.name)
        settings.MEDIA_STORE, settings.S3_BUCKET = "s3", self.name
        settings.MEDIA_ROOT = folder / "unused"
        self.set_address(address)
        self.switch_machine()

    def set_address(self, address: str) -> None:
        """Look for the bucket there."""
        from webapp.config import storages

        found = storages.s3_storages(self.name, PREFIX, endpoint_url=address, region="us-east-1")
        self._settings.STORAGES = {**self._settings.STORAGES, **found}

    def switch_machine(self) -> None:
        """Go on as a machine with nothing on its disk."""
        from inspection.images import thumbnail_queue
        from mltasks.registry import scorers

        # A thumbnail that is still drawn belongs to the disk of the machine before.
        thumbnail_queue.background_thumbnails.drain()
        self._machines += 1
        self._settings.MEDIA_CACHE_DIR = self._folder / f"machine-{self._machines}" / "cache"
        self._settings.VERSIONS_DIR = self._folder / f"machine-{self._machines}" / "versions"
        scorers._scorers = scorers.ScorerCache(scorers._load_for_serving, self._settings.SCORER_CACHE_BYTES)

    def make_unreachable(self) -> None:
        """Nothing answers at the address any more."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.set_address(f"http://127.0.0.1:{free.getsockname()[1]}")

    def make_reachable(self) -> None:
        """It answers again."""
        self.set_address(self._address)

    def names(self) -> list[str]:
        """Of all objects, below the prefix."""
        found = self._client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return [one["Key"].removeprefix(f"{PREFIX}/") for one in found]

    def read(self, name: str) -> bytes:
        """The object's bytes."""
        body: bytes = self._client.get_object(Bucket=self.name, Key=f"{PREFIX}/{name}")["Body"].read()
        return body

    def sha256(self, name: str) -> str:
        """Of the object's bytes."""
        return hashlib.sha256(self.read(name)).hexdigest()

    def last_modified(self, name: str) -> Any:
        """When it was last put."""
        return self._client.head_object(Bucket=self.name, Key=f"{PREFIX}/{name}")["LastModified"]

    def write(self, name: str, content: bytes) -> None:
        """Put other bytes under the name."""
        self._client.put_object(Bucket=self.name, Key=f"{PREFIX}/{name}", Body=io.BytesIO(content))

    def remove(self, name: str) -> None:
        """Lose the object."""
        self._client.delete_object(Bucket=self.name, Key=f"{PREFIX}/{name}")


@pytest.fixture
def bucket(s3_address: str, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SharedBucket:
    """A bucket that this process shares with other machines, as the environment would say."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "station")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return SharedBucket(s3_address, settings, tmp_path)
