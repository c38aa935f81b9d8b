"""Celery: tasks with their queues and the beat's schedule, from the running app."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from celery import current_app


def tasks() -> Iterator[str]:
    """Yield task names with queue and number of arguments.

    Workers still receive messages that the previous release sent, so neither may change.
    """
    current_app.loader.import_default_modules()
    for name, task in current_app.tasks.items():
        if not name.startswith("celery."):
            queue = current_app.amqp.router.route({}, name)["queue"].name
            yield f"task {name} queue={queue} arguments={len(inspect.signature(task.run).parameters)}"


def schedule() -> Iterator[str]:
    """Yield the entries of the beat: name, task, seconds or crontab, and options."""
    for name, entry in current_app.conf.beat_schedule.items():
        options = " ".join(f"{key}={value}" for key, value in sorted(entry.get("options", {}).items()))
        yield f"beat {name} {entry['task']} every {entry['schedule']} {options}"
