"""Admin pages of accounts, groups and API tokens; no form grants rights above one's own."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework.authtoken.admin import TokenAdmin as RestTokenAdmin
from rest_framework.authtoken.models import TokenProxy
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from webapp.accounts import account_rights
from webapp.admin import lists

for model in (User, Group, TokenProxy):
    admin.site.unregister(model)

_RIGHTS = ("is_active", "is_staff", "groups")
_SUPERUSER_RIGHTS = ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")


class SuperuserAdmin(ModelAdmin):
    """Admin pages for superusers only; permissions do not open them."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)

    has_change_permission = has_delete_permission = has_view_permission


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, SuperuserAdmin):
    """Groups: a change affects the rights of all members."""


@admin.register(TokenProxy)
class TokenAdmin(RestTokenAdmin, SuperuserAdmin):
    """API tokens: a token acts in the name of its person."""


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]  # no subscripts at run time
    """Accounts: people change accounts within their own rights, and never their own rights."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    filter_horizontal = ()

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Return the sections; only superusers see superuser status and single permissions."""
        if obj is None:
            return self.add_fieldsets
        rights = _SUPERUSER_RIGHTS if _is_superuser(request) else _RIGHTS
        return (
            (None, {"fields": ("username", "password")}),
            (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
            (_("Permissions"), {"fields": rights}),
            (_("Important dates"), {"fields": ("last_login", "date_joined")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Return the read-only fields: the dates, and the rights on the person's own account."""
        own = obj is not None and obj.pk == request.user.pk and not _is_superuser(request)
        return ("last_login", "date_joined", *(_RIGHTS if own else ()))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the groups that the person may assign."""
        if db_field.name == "groups":
            kwargs["queryset"] = account_rights.assignable_groups(request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the groups; groups that the form does not offer stay unchanged."""
        offered = account_rights.assignable_groups(request.user)
        others = list(form.instance.groups.exclude(pk__in=offered)) if change else []
        super().save_related(request, form, formsets, change)
        form.instance.groups.add(*others)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and _may_change(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and _may_change(request, obj)


def _is_superuser(request: HttpRequest) -> bool:
    return request.user.is_active and request.user.is_superuser


def _may_change(request: HttpRequest, account: User | None) -> bool:
    return account is None or account_rights.may_change(request.user, account)


# Registered last, when all other admins exist.
lists.register_checked_lists()
