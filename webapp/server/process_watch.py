"""Watch of a web process by itself: standstill, memory, and the end of the parent process."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import multiprocessing
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Protocol

from django.conf import settings

from webapp.server.process_memory import MemoryWatch, configure_allocator
from webapp.server.request_reading import Message, Receive

logger = logging.getLogger(__name__)
# Says that this process is replaced; a process that does not listen yet ignores it.
REPLACEMENT_SIGNAL = signal.SIGURG
CHECK_SECONDS, PROBE_SECONDS = 1.0, 5.0
# Seconds until a process that asked to be replaced asks again
REPLACED_AFTER_SECONDS = 60.0
# Seconds after which a process that was told to stop ends in any case
STOP_SECONDS = 10.0


class WatchedEntry(Protocol):
    """Entry whose threads are probed."""

    begun_count: int
    retiring: bool

    async def in_thread(self, function: Callable[[], object]) -> object:
        """Call a function in one of the threads."""


class ProcessWatch:
    """Watch that has this process replaced when it uses too much memory, and ends it when it stands still.

    The server's parent process starts another process then.
    """

    def __init__(self, entry: WatchedEntry) -> None:
        self._entry = entry
        # Not os.getppid(): the parent may have ended while this process started.
        parent = multiprocessing.parent_process()
        self._parent = os.getppid() if parent is None or parent.pid is None else parent.pid
        self._memory = MemoryWatch(settings.WEB_MEMORY_BYTES)
        self._tasks: list[asyncio.Task[None]] = []

    async def follow_lifespan(self, receive: Receive, send: Callable[[Message], Awaitable[None]]) -> None:
        """Watch from the server's start message to its stop message."""
        await receive()
        configure_allocator()
        asyncio.get_running_loop().add_signal_handler(REPLACEMENT_SIGNAL, self._retire)
        watches = (self._watch_standstill(), self._watch_memory(), self._watch_parent())
        self._tasks = [asyncio.create_task(watch) for watch in watches]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._cancel()
        await send({"type": "lifespan.shutdown.complete"})

    def _retire(self) -> None:
        self._entry.retiring = True

    def _cancel(self) -> None:
        """End the watch; a thread that never returns must not keep the process from ending."""
        for task in self._tasks:
            task.cancel()
        faulthandler.dump_traceback_later(STOP_SECONDS, exit=True)

    async def _watch_standstill(self) -> None:
        """Set a timer anew whenever a thread is free or begins a request.

        The timer needs neither the event loop nor the GIL: after WEB_TIMEOUT seconds it writes the stacks of all
        threads and ends the process.
        """
        while True:
            faulthandler.dump_traceback_later(settings.WEB_TIMEOUT, exit=True)
            begun = self._entry.begun_count
            probe = asyncio.ensure_future(self._entry.in_thread(_do_nothing))
            while not probe.done() and begun == self._entry.begun_count:
                await asyncio.wait([probe], timeout=CHECK_SECONDS)
            await asyncio.sleep(min(PROBE_SECONDS, settings.WEB_TIMEOUT / 4))

    async def _watch_memory(self) -> None:
        """Ask the parent to replace its processes in order once this one is over its limit."""
        from mltasks.registry import scorers  # late: `webapp.asgi` imports this file before Django is set up

        while True:
            await asyncio.sleep(CHECK_SECONDS)
            if self._memory.is_over(scorers.loaded_bytes()):
                text = "Web process %d uses %d MB: the web processes are replaced."
                logger.warning(text, os.getpid(), self._memory.resident_bytes >> 20)
                if os.getppid() == self._parent:
                    os.kill(self._parent, signal.SIGHUP)
                await asyncio.sleep(REPLACED_AFTER_SECONDS)

    async def _watch_parent(self) -> None:
        """Stop this process in order once its parent has ended."""
        while os.getppid() == self._parent:
            await asyncio.sleep(CHECK_SECONDS)
        self._cancel()
        os.kill(os.getpid(), signal.SIGTERM)


def _do_nothing() -> None:
    """Show that a thread is free."""
