"""Groups of people, created after each migration; permissions are added, never removed."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

REVIEWER, QUALITY_MANAGER, ADMIN = "reviewer", "quality manager", "admin"
_VIEW = {
    "inspection": "view_product view_station view_inspection view_replay view_challenge",
    "labeling": "view_label view_review view_defecttype view_claim view_labelundo",
    "mltasks": "view_registeredmodel view_datasetsnapshot view_trainingrun view_modelversion view_evaluationreport"
    " view_promotion view_approval view_verification view_verifyingrun",
}
_REVIEW = {"inspection": "add_inspection", "labeling": "add_review"}
_MANAGE = {
    "inspection": "change_product view_policychange",
    "labeling": "add_defecttype change_defecttype adjudicate view_skip undo_any_label change_claim",
    "mltasks": "add_trainingrun promote_modelversion override_gate view_trustedplant view_importedversion",
}
_ADMINISTER = {
    "inspection": "add_product add_station change_station view_stationkey add_stationkey change_stationkey",
    "mltasks": "add_trustedplant delete_trustedplant",
    "auth": "view_user add_user change_user",
}
# Permissions by app; each group also has those of the groups before it.
GROUPS = {
    REVIEWER: [_VIEW, _REVIEW],
    QUALITY_MANAGER: [_VIEW, _REVIEW, _MANAGE],
    ADMIN: [_VIEW, _REVIEW, _MANAGE, _ADMINISTER],
}


def connect_post_migrate() -> None:
    """Create the groups after every migration."""
    post_migrate.connect(make_groups, dispatch_uid="webapp.bootstrap.groups")


def make_groups(sender: AppConfig, **kwargs: Any) -> None:
    """Create the groups and add their permissions, once the last app has its permissions."""
    if sender.name != "labeling":  # the last app with tables: all permissions exist
        return
    from django.contrib.auth.models import Group, Permission

    rows = Permission.objects.values_list("content_type__app_label", "codename", "pk")
    keys = {(app_label, codename): key for app_label, codename, key in rows}
    for name, sets in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        granted = [
            (app, codename) for rights in sets for app, codenames in rights.items() for codename in codenames.split()
        ]
        group.permissions.add(*(keys[permission] for permission in granted))
