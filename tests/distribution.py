"""Pytest plugin: share out the tests of several processes file by file, the longest first."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

# Seconds of a test that is slow and names none, and of one in a browser
SLOW, BROWSER = 2, 2
# Folders of this name have one running site for all their files, and go to one process as a whole.
WHOLE_FOLDERS = {"loop"}
# Tests that a process has to know of, or it waits
MIN_PENDING = 2


def group_of(nodeid: str) -> str:
    """Return what goes to one process with this test: its file, or its whole folder."""
    file = PurePosixPath(nodeid.split("::")[0])
    return str(file.parent if file.parent.name in WHOLE_FOLDERS else file)


class ByFile(LoadScopeScheduling):
    """Gives a process that is done the next file; each has a database, a broker and a browser of its own."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _reschedule(self, node: WorkerController) -> None:
        """Give a process more work; one that replaces a dead process gets none before it has collected the tests.

        A process starts a test only when it knows the next one.
        """
        if node not in self.registered_collections:
            return
        super()._reschedule(node)
        while self.workqueue and not node.shutting_down and self._pending_of(self.assigned_work[node]) < MIN_PENDING:
            self._assign_work_unit(node)

    def remove_node(self, node: WorkerController) -> str | None:
        """Return the test that a process died of, and give its unfinished files to others.

        xdist gives away the finished files too. A process that gets one has nothing to do, and all wait for ever.
        """
        files = self.assigned_work[node]
        self.assigned_work[node] = {name: tests for name, tests in files.items() if not all(tests.values())}
        return super().remove_node(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Return who runs what; asked only where there are several processes."""
    # The order of collection holds, not the number of tests in a file.
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Move files with slow tests to the front, so that several processes end together."""
    if hasattr(config, "workerinput"):
        seconds = Counter[str]()
        for item in items:
            seconds[group_of(item.nodeid)] += _seconds(item)
        items.sort(key=lambda item: -seconds[group_of(item.nodeid)])


def _seconds(item: pytest.Item) -> int:
    slow = item.get_closest_marker("slow")
    if slow is not None:
        return int(slow.args[0]) if slow.args else SLOW
    return BROWSER if item.get_closest_marker("browser") else 0
