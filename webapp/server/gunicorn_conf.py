"""Gunicorn settings of the web server of `make up` and of the image."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from webapp.config.environment import Environment, available_cores

_base = Path(__file__).resolve().parents[2]
_env = Environment(_base)

bind = [f"{_env.text('BIND', '127.0.0.1')}:{_env.integer('PORT', 8000, 1, 65535)}"]
# Two processes: while one restarts, the other answers. Scoring releases the GIL, so threads use all cores.
workers = _env.integer("WEB_WORKERS", 2, 1, 64)
worker_class = "webapp.server.buffering_worker.BufferingWorker"
# More than `inspection.intake.admission` lets wait for a score, so that pages and refusals always get a thread.
threads = _env.integer("WEB_THREADS", min(256, 32 + available_cores()), 2, 256)
# Connections per process, including slow and idle ones.
worker_connections = 500
# No preload: OpenVINO's threads do not survive a fork.
preload_app = False
# Seconds for running requests after a stop; `make up` stops within 10 s.
graceful_timeout = 4
# Seconds after which a process with a stalled loop is ended; half of it for stalled threads.
timeout = _env.integer("WEB_TIMEOUT", 60, 2, 3600)
# Seconds until an idle connection is closed.
keepalive = 30
# Replaces processes now and then, not all at once.
max_requests = 20_000
max_requests_jitter = 4_000
limit_request_fields = 50
limit_request_field_size = 8190
# Heartbeats are files: on a stalled disk a healthy worker would look dead.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
control_socket_disable = True
accesslog = "-" if _env.flag("ACCESS_LOG", False) else None
forwarded_allow_ips = _env.text("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")

# Connections shared by the threads: for scoring threads and some for pages.
os.environ.setdefault("DATABASE_POOL", str(12 + available_cores()))
# Seconds after which a request gives up a statement or a lock and is answered 503; workers have no such limits.
os.environ.setdefault("DATABASE_STATEMENT_SECONDS", "10")
os.environ.setdefault("DATABASE_LOCK_SECONDS", "5")

# Counters of all workers are summed from files in this folder; workers read the variable when they import the
# metrics.
_metrics = _env.folder("METRICS_DIR", f"{_env.folder('VAR', 'var')}/metrics")
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics)


def on_starting(server: Any) -> None:
    """Remove old counters: they belong to processes that no longer exist."""
    shutil.rmtree(_metrics, ignore_errors=True)
    _metrics.mkdir(parents=True)


def child_exit(server: Any, worker: Any) -> None:
    """Merge the counters of an ended worker and remove its files."""
    from webapp.health import metrics_files

    metrics_files.merge_ended_processes(_metrics)
