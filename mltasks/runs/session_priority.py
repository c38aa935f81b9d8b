"""Priority of a process that leads a session.

Linux groups the processes of a session for scheduling (autogroup, see ``man 7 sched``). A nice value then counts only
within the session; the session's own value counts beside the others.
"""

from __future__ import annotations

import time
from pathlib import Path

# Linux takes one change in 100 ms from users other than root.
_TRIES, _PAUSE_SECONDS = 20, 0.1


def lower_session(pid: int, nice: int) -> None:
    """Give the session of process ``pid`` the ``nice`` value, 0 to 19.

    Does nothing on a system without autogroups, where a process's own value is enough, or if the process has ended.
    """
    for _try in range(_TRIES):
        try:
            Path(f"/proc/{pid}/autogroup").write_text(str(nice))
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
            continue
        except OSError:
            pass
        return
