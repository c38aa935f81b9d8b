"""Rules for accounts: rights to change an account, and groups that a person may assign."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.db.models import Q, QuerySet

from webapp.bootstrap.groups import GROUPS


def may_change(editor: User | AnonymousUser, account: User) -> bool:
    """Return True if the account holds no right that its editor lacks.

    A person who sets a password can log in with it. An inactive account counts with the rights that it would have if
    active.
    """
    if not isinstance(editor, User):
        return False
    return editor.is_superuser or not (
        account.is_superuser or _permission_names(account) - editor.get_all_permissions()
    )


def assignable_groups(editor: User | AnonymousUser) -> QuerySet[Group]:
    """Return all groups for superusers, else the product's groups within the person's rights."""
    groups = Group.objects.all()
    if not isinstance(editor, User):
        return groups.none()
    if editor.is_superuser:
        return groups
    own = Permission.objects.filter(Q(user=editor) | Q(group__user=editor))
    return groups.filter(name__in=GROUPS).exclude(permissions__in=Permission.objects.exclude(pk__in=own))


def _permission_names(account: User) -> set[str]:
    rows = Permission.objects.filter(Q(user=account) | Q(group__user=account))
    return {f"{label}.{codename}" for label, codename in rows.values_list("content_type__app_label", "codename")}
