"""Web server of `make up` and of the image, run as ``python -m webapp.server``: Granian, which serves `webapp.asgi`."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from pathlib import Path

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from webapp.config.environment import Environment, available_cores
from webapp.server.process_watch import REPLACEMENT_SIGNAL

_ACCESS_LOG_LINE = "%(addr)s %(method)s %(path)s %(status)d %(dt_ms).0f ms"
# Milliseconds until a connection without a complete head of its next request is closed
HEAD_TIMEOUT_MS = 30_000
# Bytes of a request's head and of pieces of a body; a longer head is refused.
BUFFER_BYTES = 128 * 1024
# Seconds for running requests after a stop; `make up` stops within 10 s.
STOP_SECONDS = 4
# Seconds that a fresh process has to start, and the replaced one to close its connections
REPLACEMENT_SECONDS = 8.0
# Connections per process, including slow and idle ones
MAX_CONNECTIONS = 500


def main() -> None:
    """Serve until SIGTERM; at SIGHUP replace the processes one by one."""
    base = Path(__file__).resolve().parents[2]
    env = Environment(base)
    _set_process_environment(env)
    server = Granian(
        "webapp.asgi:application",
        address=env.text("BIND", "127.0.0.1"),
        port=env.integer("PORT", 8000, 1, 65535),
        interface=Interfaces.ASGI,
        # Two processes: while one restarts, the other answers. Scoring releases the GIL, so threads use all cores.
        workers=env.integer("WEB_WORKERS", 2, 1, 64),
        http=HTTPModes.http1,
        websockets=False,
        backpressure=MAX_CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=HEAD_TIMEOUT_MS, max_buffer_size=BUFFER_BYTES),
        respawn_failed_workers=True,
        respawn_interval=REPLACEMENT_SECONDS,
        workers_kill_timeout=STOP_SECONDS,
        log_level=LogLevels.warning,
        log_access=env.flag("ACCESS_LOG", False),
        log_access_format=_ACCESS_LOG_LINE,
        working_dir=base,
    )
    server.on_reload(_announce_replacement)
    server.serve()


def _announce_replacement() -> None:
    """Tell the web processes that they are replaced, so that they close each connection after its next answer."""
    for process in multiprocessing.active_children():
        if process.pid is not None:
            os.kill(process.pid, REPLACEMENT_SIGNAL)


def _set_process_environment(env: Environment) -> None:
    """Set what the web processes read when they import the settings and the metrics."""
    # Connections shared by the threads: for scoring threads and some for pages.
    os.environ.setdefault("DATABASE_POOL", str(12 + available_cores()))
    # Seconds after which a request gives up a statement or a lock and is answered 503; workers have no such limits.
    os.environ.setdefault("DATABASE_STATEMENT_SECONDS", "10")
    os.environ.setdefault("DATABASE_LOCK_SECONDS", "5")
    # Counters of all web processes are summed from files in this folder. Old files belong to processes that no longer
    # exist.
    metrics = env.folder("METRICS_DIR", f"{env.folder('VAR', 'var')}/metrics")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)


if __name__ == "__main__":
    main()
