"""Text on the queue position of an unfinished replay."""

from __future__ import annotations

from django.contrib.humanize.templatetags.humanize import ordinal
from django.db.models import Q
from django.utils.translation import gettext as _

from inspection.models import Replay
from mltasks.models import TrainingRun

MAX_NAMED_RUNS = 2  # runs named in the text


def queue_position_text(replay: Replay) -> str:
    """Return what a waiting replay waits for or a running one yields to; empty if nothing.

    Replays have the lowest priority of all workers, so every running training goes first.
    """
    trainings = TrainingRun.objects.filter(state=TrainingRun.State.RUNNING).order_by("pk")
    names = [_("training run {number}").format(number=pk) for pk in trainings.values_list("pk", flat=True)]
    if replay.state == Replay.State.RUNNING:
        text = _("The replay has a lower priority than {runs} and uses the remaining processor time.")
        return text.format(runs=names[0]) if names else ""
    if replay.finished:
        return ""
    names += [_("the replay of {version}").format(version=earlier.candidate) for earlier in _earlier_replays(replay)]
    if not names:
        return _("First in the queue: a worker starts it within seconds.")
    runs = ", ".join(names[:MAX_NAMED_RUNS])
    if (more := len(names) - MAX_NAMED_RUNS) > 0:
        runs = _("{runs} and {more} more").format(runs=runs, more=more)
    return _("{place} in the queue, after {runs}.").format(place=ordinal(len(names) + 1), runs=runs)


def _earlier_replays(replay: Replay) -> list[Replay]:
    before = Q(state=Replay.State.RUNNING) | Q(pk__lt=replay.pk)
    replays = Replay.objects.unfinished().filter(before).exclude(pk=replay.pk).without_large_fields()
    return list(replays.select_related("candidate__model").order_by("pk"))
