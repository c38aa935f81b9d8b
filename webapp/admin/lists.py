"""Admin lists that answer invalid filters and row choices with a redirect, never with 500."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import FieldError, ValidationError
from django.db import DataError, ProgrammingError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext

# Raised for a year of 99999, an invalid regular expression, a range of one value and the like.
_LOOKUP_ERRORS = (ArithmeticError, DataError, FieldError, LookupError, ProgrammingError, TypeError, ValueError)


class CheckedListMixin(admin.ModelAdmin):  # type: ignore[type-arg]  # no subscripts at run time
    """Mixin of every registered admin: Django validates few of the filters in an address."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        """Return the list's class with its filters evaluated where Django expects errors."""
        return type("CheckedChangeList", (_CheckedChangeList, super().get_changelist(request, **kwargs)), {})

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Run an action unless the id of a chosen row is invalid for this table."""
        try:
            queryset.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME))
        except (TypeError, ValueError, ValidationError):
            messages.error(request, gettext("One of the selected rows is not in this list. Select the rows again."))
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset, *args, **kwargs)


class _CheckedChangeList:
    params: dict[str, Any]

    def get_queryset(self, *args: Any, **kwargs: Any) -> Any:
        with self._as_lookup_errors():
            return super().get_queryset(*args, **kwargs)  # type: ignore[misc]

    def get_results(self, request: HttpRequest) -> None:
        # The savepoint keeps an open transaction usable.
        with self._as_lookup_errors(), transaction.atomic():
            super().get_results(request)  # type: ignore[misc]

    @contextmanager
    def _as_lookup_errors(self) -> Iterator[None]:
        try:
            yield
        except _LOOKUP_ERRORS as error:
            if not self.params:
                raise
            raise IncorrectLookupParameters(error) from error


def register_checked_lists() -> None:
    """Register every admin again with `CheckedListMixin`, including those of libraries."""
    for model in apps.get_models():
        if admin.site.is_registered(model):
            registered = type(admin.site.get_model_admin(model))
            admin.site.unregister(model)
            admin.site.register(model, type(registered.__name__, (CheckedListMixin, registered), {}))
