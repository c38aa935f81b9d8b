"""Gunicorn worker that reads each request completely before a thread handles it.

Gunicorn manages the processes; waitress (Pylons Project) is the HTTP server in each. One loop reads all connections,
large bodies into temporary files, and writes all answers. A slow client therefore occupies no thread.
"""

from __future__ import annotations

import faulthandler
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.server import create_server

from webapp.server.http_channel import Channel
from webapp.server.process_memory import MemoryWatch, configure_allocator
from webapp.server.self_probe import PROBE_PORT, SelfProbe

LOOP_SECONDS = 0.5
# Seconds that a retiring process waits for the next requests of its connections
DRAIN_SECONDS = 10.0
# Larger bodies and answers are kept in a file.
MAX_MEMORY_BYTES = 512 * 1024

StartResponse = Callable[..., Callable[[bytes], object]]


class BufferingWorker(Worker):
    """Worker with ``threads`` threads for complete requests; slow connections cost a socket."""

    def run(self) -> None:
        """Serve until told to stop, then finish running requests within ``graceful_timeout``."""
        from mltasks.registry import scorers  # late: Gunicorn's parent imports this file, and sets up no Django

        connections: dict[int, Any] = {}
        self._last_request_at = time.monotonic()  # of the newest request
        self._retiring = False
        configure_allocator()
        # Non-blocking: another process may accept the connection first.
        for listener in self.sockets:
            listener.setblocking(False)
        server = create_server(
            self._handle_request,
            map=connections,
            sockets=[listener.sock for listener in self.sockets],
            threads=self.cfg.threads,
            channel_timeout=self.cfg.keepalive,
            cleanup_interval=5,
            connection_limit=self.cfg.worker_connections,
            max_request_header_size=self.cfg.limit_request_fields * self.cfg.limit_request_field_size,
            max_request_body_size=max(settings.MAX_BATCH_BYTES, settings.MAX_VERSION_BYTES)
            + settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
            inbuf_overflow=MAX_MEMORY_BYTES,
            outbuf_overflow=MAX_MEMORY_BYTES,
            recv_bytes=64 * 1024,
            # `_handle_request` decides by FORWARDED_ALLOW_IPS which proxies are trusted.
            clear_untrusted_proxy_headers=False,
            log_socket_errors=False,
            ident=None,
        )
        for connection in connections.values():
            if isinstance(connection, wasyncore.dispatcher):
                connection.channel_class = Channel
        # Queued requests are normal: admission limits them.
        server.task_dispatcher.queue_logger.setLevel("ERROR")
        probe = SelfProbe(server, connections, settings.ALLOWED_HOSTS[0].lstrip("."))
        memory = MemoryWatch(settings.WEB_MEMORY_BYTES)
        while self.alive and not self._retiring:
            self.notify()
            self._exit_if_unresponsive(probe)
            if memory.is_over(scorers.loaded_bytes()):
                self._retire(f"uses {memory.resident_bytes >> 20} MB")
            if self.ppid != os.getppid():
                self.log.info("The parent process has ended: %s stops.", self)
                break
            wasyncore.loop(timeout=LOOP_SECONDS, use_poll=True, map=connections, count=1)
        _stop_accepting(connections)
        self._drain(connections)
        self._finish(server, connections)

    def _retire(self, reason: str) -> None:
        """Mark this process for replacement by a fresh one."""
        self.log.info("%s %s; it finishes its requests and is replaced.", self, reason)
        self._retiring = True

    def _drain(self, connections: dict[int, Any]) -> None:
        """End each connection with its next answer, which says so, or after DRAIN_SECONDS."""
        end = time.monotonic() + DRAIN_SECONDS
        while self._retiring and self.alive and time.monotonic() < end and any(map(_is_channel, connections.values())):
            self.notify()
            wasyncore.loop(timeout=0.05, use_poll=True, map=connections, count=1)

    def _exit_if_unresponsive(self, probe: SelfProbe) -> None:
        """Exit at once when nothing is answered any more; the parent starts another process.

        A process that is only busy starts to answer other requests meanwhile. ``self.timeout`` is half of
        WEB_TIMEOUT.
        """
        if min(probe.unanswered_seconds(), time.monotonic() - self._last_request_at) < self.timeout:
            return
        self.log.critical("%s answered no request for %.0f s and exits. Stacks of its threads:", self, self.timeout)
        faulthandler.dump_traceback(all_threads=True)
        os._exit(1)

    def _finish(self, server: Any, connections: dict[int, Any]) -> None:
        end = time.monotonic() + self.cfg.graceful_timeout
        while time.monotonic() < end and any(map(_is_busy, list(connections.values()))):
            self.notify()
            wasyncore.loop(timeout=0.05, use_poll=True, map=connections, count=1)
        server.task_dispatcher.shutdown(timeout=0)
        wasyncore.close_all(connections)

    def _handle_request(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Call the application, count the request, and log it if access logging is on."""
        if not {environ["REMOTE_ADDR"], "*"} & set(self.cfg.forwarded_allow_ips):
            # Only our proxies may say that a request came by TLS.
            environ.pop("HTTP_X_FORWARDED_PROTO", None)
        self._last_request_at = time.monotonic()
        began = time.perf_counter()
        application: Callable[..., Iterable[bytes]] = self.wsgi
        if environ["REMOTE_PORT"] == PROBE_PORT:
            return application(environ, start_response)
        self.nr += 1
        if self.nr == self.max_requests:
            self._retire(f"has answered {self.nr} requests")
        if not self.cfg.accesslog:
            return application(environ, start_response)

        def log_and_start(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], object]:
            milliseconds = 1000 * (time.perf_counter() - began)
            line = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
            self.log.access_log.info("%s %s %s %.0f ms", environ["REMOTE_ADDR"], line, status, milliseconds)
            return start_response(status, headers, *more)

        return application(environ, log_and_start)


def _is_busy(connection: Any) -> bool:
    """Return True if a request is being received or answered, or its answer sent."""
    return _is_channel(connection) and bool(
        connection.requests or connection.request is not None or connection.total_outbufs_len
    )


def _is_channel(connection: Any) -> bool:
    return isinstance(connection, Channel)


def _stop_accepting(connections: dict[int, Any]) -> None:
    for connection in list(connections.values()):
        if getattr(connection, "accepting", False):
            connection.accepting, connection.retiring = False, True
            connection.del_channel()
