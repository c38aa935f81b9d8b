"""Turns hold between threads and between processes, and come back from a process that is killed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from mltasks.registry.host_semaphore import HostSemaphore

HOLDER = """
import sys, time
from pathlib import Path
from mltasks.registry.host_semaphore import HostSemaphore
with HostSemaphore(Path(sys.argv[1]), 1).acquire():
    print("mine", flush=True)
    time.sleep(60)
"""


def test_no_more_than_so_many_at_once_of_two_processes_kinds(tmp_path: Path) -> None:
    """Two objects stand for two processes: the kernel tells open files apart, not processes."""
    houses = [HostSemaphore(tmp_path / "turns", 2) for _ in range(2)]
    lock, inside, most = threading.Lock(), [0], [0]

    def work(house: HostSemaphore) -> None:
        for _ in range(10):
            with house.acquire():
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                time.sleep(0.002)
                with lock:
                    inside[0] -= 1

    threads = [threading.Thread(target=work, args=[houses[number % 2]]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert not any(thread.is_alive() for thread in threads)
    assert most == [2]


def test_a_killed_process_gives_its_turn_back(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "mine\n"
        had = threading.Event()

        def wait() -> None:
            with HostSemaphore(tmp_path, 1).acquire():
                had.set()

        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not had.wait(0.3), "It is another's."
        holder.kill()
        assert had.wait(10)
        waiting.join(10)


def test_a_turn_that_fails_is_given_back(tmp_path: Path) -> None:
    house = HostSemaphore(tmp_path, 1)
    for _ in range(3):
        try:
            with house.acquire():
                raise ZeroDivisionError
        except ZeroDivisionError:
            continue
