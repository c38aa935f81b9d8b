"""ASGI application that answers each complete request in one of a fixed number of threads.

The event loop reads requests and sends answers. A slow client therefore holds a socket, but no thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, TypeVar
from wsgiref.types import WSGIApplication

from django.db import close_old_connections

from webapp.server.answers import Answer, refusal_answer, wsgi_answer
from webapp.server.error_handlers import API_PATHS
from webapp.server.process_watch import ProcessWatch
from webapp.server.request_reading import (
    STALL_SECONDS,
    CompleteRequest,
    Message,
    Receive,
    RequestRefused,
    read_request,
)

T = TypeVar("T")
Send = Callable[[Message], Awaitable[None]]
# Answers a station's upload without Django; returns None for every other request.
StationPost = Callable[[CompleteRequest], Answer | None]
PIECE_BYTES = 256 * 1024


class HttpEntry:
    """ASGI application around a WSGI application.

    ``station_post`` is asked first, if given. While ``retiring``, each connection ends with its next answer.
    """

    def __init__(
        self,
        application: WSGIApplication,
        *,
        threads: int,
        max_body_bytes: int,
        trusted_proxies: Collection[str],
        station_post: StationPost | None = None,
    ) -> None:
        self._application, self._station_post = application, station_post
        self._max_body_bytes, self._trusted_proxies = max_body_bytes, trusted_proxies
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._watch = ProcessWatch(self)
        self.begun_count = 0
        self.retiring = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._watch.follow_lifespan(receive, send)
            return
        try:
            request = await read_request(
                scope, receive, max_body_bytes=self._max_body_bytes, trusted_proxies=self._trusted_proxies
            )
        except RequestRefused as refused:
            answer = refusal_answer(refused, as_json=scope["path"].startswith(API_PATHS))
        else:
            answer = await self.in_thread(self._answer, request)
        await self._send(answer, scope["method"], receive, send)

    async def in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _answer(self, request: CompleteRequest) -> Answer:
        self.begun_count += 1
        try:
            if self._station_post is not None and (answer := self._station_post(request)) is not None:
                return answer
            request.body.seek(0)
            return wsgi_answer(self._application, request)
        finally:
            close_old_connections()  # back to the pool: this thread may wait long for its next request
            request.body.close()

    async def _send(self, answer: Answer, method: str, receive: Receive, send: Send) -> None:
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        if self.retiring:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": int(answer.status), "headers": headers})
        if isinstance(answer.body, bytes):
            await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
            return
        try:
            if method == "HEAD" or await self._send_file(answer.body, receive, send):
                await send({"type": "http.response.body", "body": b""})
        finally:
            await self.in_thread(answer.body.close)

    async def _send_file(self, file: IO[bytes], receive: Receive, send: Send) -> bool:
        """Send pieces of a file; return False if the client left or read nothing for STALL_SECONDS.

        Without its last message the answer is cut, and the client sees that it is incomplete.
        """
        gone = asyncio.ensure_future(receive())  # the body has arrived, so the next message is the end
        try:
            while piece := await self.in_thread(file.read, PIECE_BYTES):
                if gone.done():
                    return False
                async with asyncio.timeout(STALL_SECONDS):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            return False
        finally:
            gone.cancel()
        return True
