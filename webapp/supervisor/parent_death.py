"""Program that ties a command to the life of the process that started it.

Run as ``python -I parent_death.py PARENT SIGNAL NICE USER COMMAND...``: it tells the kernel to send SIGNAL when
PARENT dies in any way, then becomes COMMAND with the same process id. So no ``kill -9`` leaves a server behind. It is
a separate program because ``preexec_fn`` is not safe in a parent with threads. On systems other than Linux it only
becomes the command.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 47, 2
_CAP_DAC_OVERRIDE, _CAP_VERSION_3 = 1, 0x20080522  # linux/capability.h


def parent_death_command(
    command: Sequence[str], death_signal: signal.Signals, user: str = "", *, nice: int = 0
) -> list[str]:
    """Return the command line that runs ``command`` tied to this process.

    ``user`` is the user to run as. ``nice`` (0 to 19) lowers the priority. Linux sends the signal when the starting
    *thread* ends, so start the command from the main thread.
    """
    return [sys.executable, "-I", __file__, str(os.getpid()), str(int(death_signal)), str(nice), user, *command]


def set_parent_death_signal(death_signal: signal.Signals) -> None:
    """Request this signal from the kernel when the parent process dies. Linux only."""
    if sys.platform == "linux":
        prctl(PR_SET_PDEATHSIG, death_signal)


def exec_with_parent_death(parent: int, death_signal: int, nice: int, user: str, command: Sequence[str]) -> None:
    """Tie this process to ``parent`` and become ``command``; exit if the parent is already gone."""
    os.nice(nice)
    if user:
        _switch_user(user)
    set_parent_death_signal(signal.Signals(death_signal))  # after the change of user, which clears the signal
    if os.getppid() != parent:
        sys.exit(f"{command[0]}: the process that started it has ended")
    os.execv(command[0], list(command))  # noqa: S606 (no shell wanted)


def _switch_user(name: str) -> None:
    """Switch from root to ``name``, keeping the capability to enter root's folders.

    PostgreSQL refuses user id 0. Everything else of an installation run by root stays with root, in folders such as
    /root. Opening those folders to every user would be less safe.
    """
    import pwd

    entry = pwd.getpwnam(name)
    if sys.platform == "linux":
        prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    if sys.platform == "linux":
        _keep_capability(_CAP_DAC_OVERRIDE)


def _keep_capability(number: int) -> None:
    """Keep one capability over the next exec; continue without if the container never gave it."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAP_VERSION_3, 0)
    mask = 1 << number
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)  # effective, permitted, inheritable; low word, high word
    if libc.capset(header, sets) == 0:
        prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, number)


def prctl(option: int, *values: int) -> None:
    """Change this process by Linux's ``prctl``; report a refusal on stderr."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    arguments = [*values, 0, 0, 0, 0][:4]
    if libc.prctl(option, *(ctypes.c_ulong(value) for value in arguments)) != 0:
        sys.stderr.write(f"prctl {option}: {os.strerror(ctypes.get_errno())}\n")


if __name__ == "__main__":
    exec_with_parent_death(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5:])
