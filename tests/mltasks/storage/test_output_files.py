"""Exports go to files, folders, links, devices and pipes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from mltasks.storage import output_files


def fill(into: BinaryIO) -> None:
    into.write(b"all of it\n")


def fail_halfway(into: BinaryIO) -> None:
    into.write(b"the first half")
    raise OSError(28, "No space left on device")


def device(path: Path, minor: int) -> Path:
    """Make a node of our own for a memory device: 3 takes everything, 7 is always full."""
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, minor))
        path.open("wb").close()
    except PermissionError:
        pytest.skip("This machine lets nobody make a device.")
    return path


def test_it_replaces_a_file_whole_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"yesterday's, which was longer")
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    owner = path.stat().st_uid
    assert output_files.write(str(path), "default", fill) == (str(path), False)
    assert path.read_bytes() == b"all of it\n"
    assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid) == (0o640, owner)
    with pytest.raises(OSError, match="No space"):
        output_files.write(str(path), "default", fail_halfway)
    assert path.read_bytes() == b"all of it\n" and list(tmp_path.iterdir()) == [path]


def test_it_gives_a_folder_a_file_of_the_default_name(tmp_path: Path) -> None:
    assert output_files.write(str(tmp_path), "labels.csv", fill) == (str(tmp_path / "labels.csv"), False)
    assert (tmp_path / "labels.csv").read_bytes() == b"all of it\n"


def test_it_follows_links_and_leaves_them(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link, new = tmp_path / "link", tmp_path / "new"
    link.symlink_to("real/old")
    new.symlink_to("link")
    (tmp_path / "real" / "old").write_bytes(b"old")
    output_files.write(str(new), "default", fill)
    assert link.is_symlink() and new.is_symlink()
    assert (tmp_path / "real" / "old").read_bytes() == b"all of it\n"


def test_it_refuses_links_that_lead_to_themselves(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        output_files.write(str(tmp_path / "loop"), "default", fill)
    assert (tmp_path / "loop").is_symlink()


def test_it_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        output_files.write(str(tmp_path / "nowhere" / "out"), "default", fill)
    assert list(tmp_path.iterdir()) == []


def test_it_writes_to_a_device_and_never_replaces_it(tmp_path: Path) -> None:
    null = device(tmp_path / "null", 3)
    (tmp_path / "link").symlink_to("null")
    for path in (null, tmp_path / "link"):
        output_files.write(str(path), "default", fill)
    assert stat.S_ISCHR(null.lstat().st_mode) and (tmp_path / "link").is_symlink()
    full = device(tmp_path / "full", 7)
    with pytest.raises(OSError, match="No space"):
        output_files.write(str(full), "default", fill)
    assert sorted(tmp_path.iterdir()) == [full, tmp_path / "link", null]


def test_it_writes_to_a_pipe_once_the_export_is_complete(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    with pytest.raises(OSError, match="No space"):
        output_files.write(str(pipe), "default", fail_halfway)
    output_files.write(str(pipe), "default", fill)
    reader.join(10)
    assert read == [b"all of it\n"] and stat.S_ISFIFO(pipe.lstat().st_mode)


@pytest.mark.parametrize("target", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_it_writes_to_standard_output(capfdbinary: pytest.CaptureFixture[bytes], target: str) -> None:
    print("before", flush=False)
    assert output_files.write(target, "default", fill) == ("standard output", True)
    print("after")
    assert capfdbinary.readouterr().out == b"before\nall of it\nafter\n"


def test_it_writes_to_an_open_descriptor_where_it_stands(tmp_path: Path) -> None:
    with (tmp_path / "log").open("ab") as log:
        log.write(b"first\n")
        log.flush()
        output_files.write(f"/dev/fd/{log.fileno()}", "default", fill)
    assert (tmp_path / "log").read_bytes() == b"first\nall of it\n"


def test_it_writes_behind_what_the_shell_redirected(tmp_path: Path) -> None:
    program = (
        "import sys; from mltasks.storage import output_files; print('before')\n"
        "output_files.write(sys.argv[1], 'default', lambda into: into.write(b'all of it\\n')); print('after')"
    )
    out, link = tmp_path / "out", tmp_path / "link"
    link.symlink_to("/dev/stdout")
    for target in (out, link):
        with out.open("wb") as redirected:
            subprocess.run([sys.executable, "-c", program, target], stdout=redirected, check=True)
        assert out.read_bytes() == b"before\nall of it\nafter\n"
    piped = subprocess.run([sys.executable, "-c", program, link], capture_output=True, check=True)
    assert piped.stdout == b"before\nall of it\nafter\n" and link.is_symlink()


def test_it_writes_under_a_name_in_any_encoding(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xfcbersicht.csv")
    assert output_files.write(str(path), "default", fill) == (str(tmp_path / r"\xfcbersicht.csv"), False)
    assert path.read_bytes() == b"all of it\n"
