"""Files are whole or absent, stored once, and repaired when damaged."""

from __future__ import annotations

import errno
import io
import os
import shutil
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from inspection.images import image_files, thumbnail_queue
from inspection.models import Inspection
from inspection.refusals import DiskFull
from mltasks.storage import atomic_files, object_store
from mltasks.vision.data.decoding import LoadedImage
from tests.inspection.conftest import Receive, Sender, error_of
from tests.inspection.sample_images import jpeg


def list_files(settings: Any, below: str = "images") -> list[Path]:
    return [path for path in (Path(settings.MEDIA_ROOT) / below).rglob("*") if path.is_file()]


def store(content: bytes = b"some bytes") -> image_files.StoredImage:
    return image_files.store(io.BytesIO(content), "PNG")


def test_it_names_a_file_by_its_content(settings: Any) -> None:
    stored = store()
    assert stored.name == f"images/{stored.sha256[:2]}/{stored.sha256}.png"
    assert stored.sha256 == image_files.stream_sha256(io.BytesIO(b"some bytes"))
    assert [path.read_bytes() for path in list_files(settings)] == [b"some bytes"]
    assert stored.size == 10


def test_the_same_bytes_are_not_written_again(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store()
    before = list_files(settings)[0].stat()
    monkeypatch.setattr(atomic_files, "write", lambda *_, **__: pytest.fail("It wrote the file again."))
    store()
    after = list_files(settings)[0].stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_it_repairs_a_file_that_lost_bytes(settings: Any) -> None:
    store()
    list_files(settings)[0].write_bytes(b"some")
    store()
    assert [path.read_bytes() for path in list_files(settings)] == [b"some bytes"]


def test_a_file_is_synced_before_it_has_its_name_and_its_folder_after(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    sync, rename = os.fsync, Path.replace

    def watch_sync(descriptor: int) -> None:
        seen.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().suffix or 'folder'}")
        sync(descriptor)

    def watch_rename(self: Path, target: Path) -> Path:
        seen.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", watch_sync)
    monkeypatch.setattr(Path, "replace", watch_rename)
    store()
    assert seen.index("sync .draft") < seen.index("rename")
    assert seen[-1] == "sync folder"


def test_a_failed_write_leaves_nothing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(shutil, "copyfileobj", fail)
    with pytest.raises(OSError, match="broken"):
        store()
    assert list_files(settings) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_it_refuses_when_the_disk_fills_while_it_writes(
    number: int, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, "no room")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DiskFull):
        store()
    assert list_files(settings) == []


def test_it_refuses_when_too_little_room_is_left(
    sender: Sender, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = settings.MIN_FREE_DISK_BYTES + len(jpeg()) - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert error_of(sender.send()) == (507, "disk_full")
    assert not Inspection.objects.exists()
    assert list_files(settings) == []


def test_it_removes_what_killed_processes_left(settings: Any) -> None:
    store()
    drafts = object_store.draft_dir()
    old, young = drafts / "old.draft", drafts / "young.draft"
    for path in (old, young):
        path.write_bytes(b"half")
    (drafts / "gone.draft").symlink_to("what was renamed after the folder was listed")
    hours_ago = time.time() - 2 * atomic_files.DRAFT_MAX_AGE
    os.utime(old, (hours_ago, hours_ago))
    assert atomic_files.remove_old_drafts(object_store.draft_dir()) == 1
    assert young.exists()
    assert len(list_files(settings)) == 2


def test_a_second_upload_stores_no_second_file(receive: Receive, settings: Any) -> None:
    first, second = receive(), receive()
    assert first.pk != second.pk
    assert first.image_name == second.image_name
    thumbnail_queue.background_thumbnails.drain()
    assert len(list_files(settings)) == 1
    assert len(list_files(settings, "thumbs")) == 1


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_thumbnail_is_drawn_again(damage: Any, receive: Receive) -> None:
    inspection = receive()
    path = image_files.ensure_thumbnail(inspection)
    drawn = path.read_bytes()
    damage(path)
    assert image_files.ensure_thumbnail(inspection) == path
    assert len(path.read_bytes()) > len(drawn) // 2


def test_a_thumbnail_is_drawn_behind_the_answer(receive: Receive, settings: Any) -> None:
    receive()
    thumbnail_queue.background_thumbnails.drain()
    [drawn] = list_files(settings, "thumbs")
    assert drawn.stat().st_size > 500


def test_thumbnails_never_pile_up(settings: Any) -> None:
    """While one takes long, some wait and the rest are left to whoever looks."""
    goes_on, begun = threading.Event(), threading.Event()

    class Slow:
        def thumbnail(self) -> bytes:
            begun.set()
            goes_on.wait(10)
            return b"jpeg"

    painter = thumbnail_queue.ThumbnailQueue(max_pending=3)
    for number in range(10):
        painter.submit(f"{number:064}", cast(LoadedImage, Slow()))
    assert begun.wait(10)
    goes_on.set()
    painter.drain()
    assert len(list_files(settings, "thumbs")) == 3


def test_a_thumbnail_that_cannot_be_drawn_costs_nothing_else(
    receive: Receive, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise DiskFull("no room")

    monkeypatch.setattr(image_files, "store_thumbnail", full)
    assert receive().state == "decided"
    thumbnail_queue.background_thumbnails.drain()
    monkeypatch.undo()
    assert receive().state == "decided"
