"""A gunicorn worker in which a slow client holds no thread: waitress reads each request whole before a thread gets it.

Gunicorn keeps the processes; waitress (Pylons Project) is the HTTP server in each. One loop reads all connections,
large bodies into temporary files, and writes all answers; threads only see complete requests.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask

from webapp.faults import MACHINE_PATHS

LOOP_SECONDS = 0.5
# Bodies and answers above this wait in a file.
IN_MEMORY_BYTES = 512 * 1024
TOO_LARGE = 413

StartResponse = Callable[..., Callable[[bytes], object]]
Wsgi = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class Refused(ErrorTask):
    """An answer to what never becomes a request: JSON where machines ask."""

    def execute(self) -> None:
        """Write the answer and end the connection."""
        if not str(self.request.path).startswith(MACHINE_PATHS):
            super().execute()
            return
        error = self.request.error
        code = "file_too_large" if error.code == TOO_LARGE else "invalid_request"
        said = {"code": code, "detail": f"{error.reason}: {error.body}."}
        body = json.dumps(said).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):
    """A connection whose refusals are ``Refused``."""

    error_task_class = Refused


class BufferingWorker(Worker):
    """``threads`` threads answer whole requests; a connection that only sends or receives slowly costs a socket."""

    def run(self) -> None:
        """Serve until told to stop, then let what was begun come to its end within ``graceful_timeout``."""
        connections: dict[int, Any] = {}
        # The loop accepts in its own time; a second process may have been faster.
        for listener in self.sockets:
            listener.setblocking(False)
        server = create_server(
            self._answer,
            map=connections,
            sockets=[listener.sock for listener in self.sockets],
            threads=self.cfg.threads,
            channel_timeout=self.cfg.keepalive,
            cleanup_interval=5,
            connection_limit=self.cfg.worker_connections,
            max_request_header_size=self.cfg.limit_request_fields * self.cfg.limit_request_field_size,
            max_request_body_size=max(settings.MAX_BATCH_BYTES, settings.MAX_VERSION_BYTES)
            + settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
            inbuf_overflow=IN_MEMORY_BYTES,
            outbuf_overflow=IN_MEMORY_BYTES,
            recv_bytes=64 * 1024,
            # Which proxies are believed is decided in `_answer`, by FORWARDED_ALLOW_IPS.
            clear_untrusted_proxy_headers=False,
            log_socket_errors=False,
            ident=None,
        )
        for one in connections.values():
            if isinstance(one, wasyncore.dispatcher):
                one.channel_class = Channel
        # A thread that is busy is no news: admission limits what waits.
        server.task_dispatcher.queue_logger.setLevel("ERROR")
        while self.alive:
            self.notify()
            if self.ppid != os.getppid():
                self.log.info("The parent is gone: %s ends.", self)
                break
            wasyncore.loop(timeout=LOOP_SECONDS, use_poll=True, map=connections, count=1)
        self._finish(server, connections)

    def _finish(self, server: Any, connections: dict[int, Any]) -> None:
        for one in list(connections.values()):
            if getattr(one, "accepting", False):
                one.accepting = False
                one.del_channel()
        end = time.monotonic() + self.cfg.graceful_timeout
        while time.monotonic() < end and any(map(_busy, list(connections.values()))):
            self.notify()
            wasyncore.loop(timeout=0.05, use_poll=True, map=connections, count=1)
        server.task_dispatcher.shutdown(timeout=0)
        wasyncore.close_all(connections)

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Call the application, count, and log if that is asked for."""
        if not {environ["REMOTE_ADDR"], "*"} & set(self.cfg.forwarded_allow_ips):
            # Who is no proxy of ours can't say that a request came by TLS.
            environ.pop("HTTP_X_FORWARDED_PROTO", None)
        began, application = time.perf_counter(), self.wsgi
        self.nr += 1
        if self.nr == self.max_requests:
            self.log.info("%s ends after %d requests; another takes its place.", self, self.nr)
            self.alive = False
        if not self.cfg.accesslog:
            answer: Iterable[bytes] = application(environ, start_response)
            return answer

        def noted(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], object]:
            took = 1000 * (time.perf_counter() - began)
            what = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
            self.log.access_log.info("%s %s %s %.0f ms", environ["REMOTE_ADDR"], what, status, took)
            return start_response(status, headers, *more)

        logged: Iterable[bytes] = application(environ, noted)
        return logged


def _busy(connection: Any) -> bool:
    """Whether a request of this connection is being answered, or its answer sent."""
    return bool(getattr(connection, "requests", ()) or getattr(connection, "total_outbufs_len", 0))
