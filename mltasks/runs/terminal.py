"""Execution of a run in a terminal, with a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from django.core.management.base import CommandError, OutputWrapper
from tqdm import tqdm

from mltasks.runs.execution import Computed, Executor, Result, RunT, describe_error, execute
from mltasks.runs.lease import LeaseLost, RunNotAvailable
from mltasks.vision.types import Progress, ProgressCallback

BAR_FORMAT = "{percentage:3.0f}%|{bar:30}| {elapsed}<{remaining} {desc}"


def execute_with_bar(executor: Executor[RunT, Computed, Result], run: RunT, stderr: OutputWrapper) -> Result:
    """Execute a run with a progress bar on ``stderr``.

    Raises CommandError for any failure; the run's row has the traceback.
    """
    with progress_bar(stderr) as show:
        try:
            return execute(executor, run, show)
        except (RunNotAvailable, LeaseLost) as error:
            raise CommandError(str(error)) from None
        except Exception as error:
            raise CommandError(f"Run {run.pk} failed. {describe_error(error)}") from error


@contextmanager
def progress_bar(stderr: OutputWrapper, *, leave: bool = True, disable: bool = False) -> Iterator[ProgressCallback]:
    """Yield a callback that moves a progress bar on ``stderr``.

    The bar stays in the terminal after the block if ``leave`` is true.
    """
    with tqdm(total=1.0, bar_format=BAR_FORMAT, file=cast(IO[str], stderr), leave=leave, disable=disable) as bar:

        def show(step: Progress) -> None:
            bar.set_description_str(step.stage, refresh=False)
            bar.update(max(0.0, step.share - bar.n))

        yield show
