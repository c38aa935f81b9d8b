"""Supervisor: start all programs, keep them running, stop them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection
from types import FrameType

from django.conf import settings

from webapp.config import credentials
from webapp.supervisor import processes
from webapp.supervisor.child import Child, Program, exit_text
from webapp.supervisor.claim import StartRefused, lock_var_folder, refuse_busy_port
from webapp.supervisor.console import Console
from webapp.supervisor.embedded_server import CouldNotStart
from webapp.supervisor.plan import SETUP, programs
from webapp.supervisor.servers import Servers
from webapp.supervisor.web_watch import WebWatch
from webapp.supervisor.welcome import Welcome

_POLL_SECONDS = 0.2
# Programs get this time, then SIGKILL; the database needs up to 3 s more. A stop may take 10 s, and everything takes
# longer on a busy machine.
_STOP_SECONDS = 5.0


class Supervisor:
    """Foreground runner of the system, until it is told to stop."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stop_requests = 0
        self._children: list[Child] = []

    def run(self) -> int:
        """Run until SIGINT, SIGTERM or SIGHUP; return the exit status. A second signal kills."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # ignored under nohup
                signal.signal(number, self._count_stop_request)
        processes.adopt_orphans()
        try:
            with lock_var_folder(settings.VAR):
                refuse_busy_port(settings.PORT)
                return self._run()
        except StartRefused as error:
            self._console.say(str(error))
            return 1

    def _run(self) -> int:
        servers = Servers(
            settings.VAR, self._console, postgres=not settings.DATABASE_NAMED, valkey=not settings.BROKER_NAMED
        )
        # A site is not ready without its image folder, and the first image may come late.
        settings.MEDIA_ROOT.mkdir(parents=True, exist_ok=True)
        printed_logins = credentials.load_logins(settings.VAR)
        try:
            servers.start()
            if not self._stop_requests and self._set_up():
                self._watch(servers, printed_logins)
                return 0
        except CouldNotStart as error:
            self._console.say(str(error))
        finally:
            self._stop(servers)
        return 0 if self._stop_requests else 1

    def _set_up(self) -> bool:
        """Migrate, collect static files and create the first admin; False if failed or interrupted."""
        child = self._child(SETUP)
        child.start()
        while child.running and not self._stop_requests:
            time.sleep(0.05)
        if child.exit_code:
            self._console.say(f"The setup {exit_text(child.exit_code)}: see its lines above. Nothing else was started.")
        return child.exit_code == 0

    def _watch(self, servers: Servers, printed_logins: Collection[str]) -> None:
        children = [self._child(program) for program in programs(demo=settings.DEMO)]
        for child in children:
            child.start()
        demo = credentials.DEMO_USERS if settings.DEMO else ()
        welcome = Welcome(settings.PORT, settings.VAR, self._console, printed_logins=printed_logins, demo=demo)
        web = WebWatch(children[0], settings.PORT, settings.ALLOWED_HOSTS[0].lstrip("."))
        while not self._stop_requests:
            time.sleep(_POLL_SECONDS)
            welcome.print_when_ready()
            web.check()
            servers.restart_if_dead()
            for child in self._children:
                child.restart_if_dead()
            processes.reap_adopted(servers.pids() | {child.process.pid for child in self._children if child.process})
        web.stop()

    def _child(self, program: Program) -> Child:
        # Absolute folders of this process, independent of a child's working directory.
        environment = {name: str(getattr(settings, name)) for name in ("VAR", "MEDIA_ROOT", "PORT")}
        child = Child(program, self._console, settings.BASE_DIR, os.environ | environment | {"PYTHONUNBUFFERED": "1"})
        self._children.append(child)
        return child

    def _stop(self, servers: Servers) -> None:
        begun = time.monotonic()
        self._console.say("Stopping ...")
        stragglers = processes.end_all(
            keep=servers.pids(), patience=_STOP_SECONDS, kill_now=lambda: self._stop_requests > 1
        )
        if stragglers:
            self._console.say(f"Killed the processes that did not stop: {', '.join(stragglers)}")
        servers.stop(at_once=self._stop_requests > 1)
        self._console.say(f"Stopped in {time.monotonic() - begun:.1f} s. All data are kept in {settings.VAR}.")

    def _count_stop_request(self, number: int, frame: FrameType | None) -> None:
        self._stop_requests += 1
