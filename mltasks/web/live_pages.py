"""Pages that show unfinished work live, and the retry of a failed run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.views.decorators.http import require_GET, require_POST

from mltasks.runs.lease import RunNotAvailable
from mltasks.web.access import View, may_train, may_view_models
from mltasks.web.selection import remember_choice


def live_pages(
    load: Callable[..., Any], context: Callable[[Any], dict[str, Any]], *, page: str, part: str
) -> tuple[View, View]:
    """Return the views of a page and of its live part, reloaded while work is unfinished.

    ``load`` gets the URL's arguments and returns the subject, which has a ``model``. ``context`` is used for both
    templates.
    """

    @require_GET
    @may_view_models
    def whole(request: HttpRequest, **address: Any) -> HttpResponse:
        subject = load(**address)
        remember_choice(request, subject.model)
        return render(request, page, context(subject))

    @require_GET
    @may_view_models
    def live(request: HttpRequest, **address: Any) -> HttpResponse:
        return render(request, part, context(load(**address)))

    return whole, live


def retry_view(
    load: Callable[..., Any],
    retry: Callable[[Any], object],
    *,
    page: Callable[[Any], tuple[Any, ...]],
    done: str | Promise = "",
) -> View:
    """Return the view that queues a failed run again and redirects to the run's ``page``.

    ``done`` is the success message.
    """

    @require_POST
    @may_train
    def retry_run(request: HttpRequest, **address: Any) -> HttpResponse:
        run = load(**address)
        try:
            retry(run)
        except RunNotAvailable as error:
            messages.error(request, str(error))
        else:
            if done:
                messages.success(request, str(done))
        return redirect(*page(run))

    return retry_run
