"""The supervisor's parts: children that come back, everything that ends, folders and ports that are taken."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest

from webapp.supervisor import processes
from webapp.supervisor.child import Child, Program, exit_text
from webapp.supervisor.claim import StartRefused, lock_var_folder, refuse_busy_port
from webapp.supervisor.console import Console
from webapp.supervisor.plan import programs
from webapp.supervisor.servers import socket_folder
from webapp.supervisor.web_watch import WebWatch

# Starts a grandchild in a session of its own, as the training worker does; both ignore SIGTERM.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) > 1:
    subprocess.Popen([sys.executable, "-c", sys.argv[1]], start_new_session=True)
print("ready", flush=True)
time.sleep(600)
"""


def eventually(ready: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def output() -> io.StringIO:
    """What the console printed."""
    return io.StringIO()


@pytest.fixture
def child(tmp_path: Path, output: io.StringIO) -> Iterator[Callable[..., Child]]:
    """Return a maker of children that run a line of Python."""
    made: list[Child] = []

    def make(code: str, *arguments: str, once: bool = False, nice: int = 0) -> Child:
        program = Program("demo", (sys.executable, "-c", code, *arguments), once=once, nice=nice)
        made.append(Child(program, Console(tmp_path / "up.log", output), tmp_path, {"PATH": "/bin"}))
        return made[-1]

    yield make
    for one in made:
        if one.process is not None and one.running:
            one.process.kill()
            one.process.wait()


def test_a_childs_lines_are_prefixed_and_kept(child: Callable[..., Child], output: io.StringIO, tmp_path: Path) -> None:
    child("print('hello'); import sys; sys.stderr.write('trouble\\n')", once=True).start()
    assert eventually(lambda: output.getvalue().count("\n") == 2)
    assert sorted(output.getvalue().splitlines()) == ["demo      | hello", "demo      | trouble"]
    assert "demo      | hello" in (tmp_path / "up.log").read_text()


def test_a_child_gives_way_as_it_is_told(child: Callable[..., Child], output: io.StringIO) -> None:
    child("import os; print(os.nice(0) - int(os.sys.argv[1]))", str(os.nice(0)), once=True, nice=3).start()
    assert eventually(lambda: output.getvalue() == "demo      | 3\n")


def test_every_program_is_there() -> None:
    # Each is started by its path: nothing looks for it in PATH.
    assert all(Path(one.command[0]).is_file() for one in programs(demo=True))


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this system has no autogroups")
def test_a_childs_session_gives_way_to_other_sessions(child: Callable[..., Child]) -> None:
    one = child("import time; time.sleep(600)", nice=19)
    one.start()
    assert one.process is not None
    assert Path(f"/proc/{one.process.pid}/autogroup").read_text().endswith(" nice 19\n")


def test_each_queue_has_one_worker_and_long_work_gives_way() -> None:
    workers = [one for one in programs(demo=True) if "worker" in one.command]
    assert sorted((one.name, one.nice) for one in workers) == [("replay", 19), ("scoring", 5), ("training", 5)]


def test_a_child_that_dies_is_started_again_and_told(child: Callable[..., Child], output: io.StringIO) -> None:
    one = child("import time; time.sleep(600)")
    one.start()
    assert one.process is not None
    first = one.process.pid
    one.process.kill()
    assert eventually(lambda: not one.running)
    one.restart_if_dead()
    assert "demo was killed by SIGKILL; restarting in 1 s" in output.getvalue()
    assert not one.running
    assert eventually(lambda: one.restart_if_dead() is None and one.running, 3)
    assert one.process.pid != first


def test_the_pause_doubles_with_each_death_in_a_row(child: Callable[..., Child], output: io.StringIO) -> None:
    one = child("raise SystemExit(3)")
    one.start()
    assert eventually(lambda: one.restart_if_dead() is None and "restarting in 2 s" in output.getvalue())
    assert "demo ended with exit code 3; restarting in 1 s" in output.getvalue()


def test_a_child_that_is_done_stays_done(child: Callable[..., Child], output: io.StringIO) -> None:
    one = child("pass", once=True)
    one.start()
    assert eventually(lambda: one.restart_if_dead() is None and one.done)
    assert "restarting" not in output.getvalue()


def test_what_a_dead_child_left_in_its_group_is_ended(child: Callable[..., Child], output: io.StringIO) -> None:
    code = "import subprocess, sys; print(subprocess.Popen(['/bin/sleep', '600']).pid, flush=True)"
    one = child(code)
    one.start()
    assert eventually(lambda: output.getvalue().count("\n") > 0 and not one.running)
    left = psutil.Process(int(output.getvalue().split("|")[1].split()[0]))
    one.restart_if_dead()
    assert eventually(lambda: not left.is_running() or left.status() == psutil.STATUS_ZOMBIE)


def test_it_ends_a_web_server_that_stays_silent(child: Callable[..., Child], output: io.StringIO) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        web = child("import time; time.sleep(600)")
        web.start()
        watch = WebWatch(web, silent.getsockname()[1], "localhost", patience_seconds=1.0, poll_seconds=0.1)
        watch.check()
        assert web.running, "It has just been started"
        assert eventually(lambda: watch.check() is None and not web.running)
        watch.stop()
    assert "demo did not answer for 1 s" in output.getvalue()
    assert eventually(lambda: web.restart_if_dead() is None and web.running), "It is started again"


def test_it_leaves_a_web_server_that_answers(child: Callable[..., Child]) -> None:
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    web = child("import time; time.sleep(600)")
    web.start()
    watch = WebWatch(web, server.server_port, "localhost", patience_seconds=1.0, poll_seconds=0.1)
    assert not eventually(lambda: watch.check() is None and not web.running, 2.0)
    watch.stop()
    server.shutdown()
    server.server_close()


def test_it_ends_every_descendant_but_those_to_keep(tmp_path: Path) -> None:
    # In a process of its own: here, the test session's database would be a descendant too.
    script = f"""
import subprocess, sys, time
from webapp.supervisor import processes
processes.adopt_orphans()
kept = subprocess.Popen(["/bin/sleep", "600"])
stubborn = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}, {STUBBORN!r}], stdout=subprocess.PIPE)
stubborn.stdout.readline(), stubborn.stdout.readline()
subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
begun = time.monotonic()
killed = processes.end_all(keep={{kept.pid}}, patience=1.0, kill_now=lambda: False)
print(len(killed), round(time.monotonic() - begun), kept.poll())
import psutil
print([child.pid for child in psutil.Process().children(recursive=True)] == [kept.pid])
kept.kill()
"""
    repository = Path(processes.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=repository, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["2", "1", "None", "True"], done.stderr


def test_it_ends_all_at_once_in_a_hurry() -> None:
    script = f"""
import subprocess, sys, time
from webapp.supervisor import processes
stubborn = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], stdout=subprocess.PIPE)
stubborn.stdout.readline()
begun = time.monotonic()
processes.end_all(keep=set(), patience=30.0, kill_now=lambda: True)
print(time.monotonic() - begun < 5)
"""
    repository = Path(processes.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=repository, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["True"], done.stderr


def test_it_refuses_a_folder_in_use_and_takes_it_after(tmp_path: Path) -> None:
    var = tmp_path / "var"
    message = r"in use by a running system .* make up VAR="
    with lock_var_folder(var), pytest.raises(StartRefused, match=message), lock_var_folder(var):
        pytest.fail("It was claimed twice.")
    with lock_var_folder(var):
        assert (var / "supervisor.lock").read_text().startswith("a running system")


def test_it_refuses_a_busy_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartRefused, match=f"Port {port} .* make up PORT={port + 1}"):
            refuse_busy_port(port)
    refuse_busy_port(port)


def test_a_socket_folder_is_below_var_or_short(tmp_path: Path) -> None:
    assert socket_folder(Path("/srv/look/var")) == Path("/srv/look/var/run")
    deep = tmp_path / ("deep" * 30)
    found = socket_folder(deep)
    assert len(str(found / ".s.PGSQL.5432.lock")) <= 107
    assert found == socket_folder(deep)
    assert found != socket_folder(deep / "other")


def test_it_says_how_a_process_ended() -> None:
    assert exit_text(3) == "ended with exit code 3"
    assert exit_text(-signal.SIGSEGV) == "was killed by SIGSEGV"


def test_the_console_survives_a_closed_terminal(tmp_path: Path) -> None:
    stream = io.StringIO()
    console = Console(tmp_path / "up.log", stream)
    stream.close()
    console.say("still here")
    assert "still here" in (tmp_path / "up.log").read_text()
