"""Groups reviewer, quality manager and admin, created after each migration.

Permissions are only added, never removed.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

REVIEWER, QUALITY_MANAGER, ADMIN = "reviewer", "quality manager", "admin"
_VIEW_PERMISSIONS = [
    ("inspection", "view_product"),
    ("inspection", "view_station"),
    ("inspection", "view_inspection"),
    ("labeling", "view_label"),
    ("labeling", "view_review"),
    ("labeling", "view_defecttype"),
    ("labeling", "view_claim"),
    ("labeling", "view_labelundo"),
    ("mltasks", "view_registeredmodel"),
    ("mltasks", "view_datasetsnapshot"),
    ("mltasks", "view_trainingrun"),
    ("mltasks", "view_modelversion"),
    ("mltasks", "view_evaluationreport"),
    ("mltasks", "view_promotion"),
    ("mltasks", "view_approval"),
    ("mltasks", "view_verification"),
    ("mltasks", "view_verifyingrun"),
    ("inspection", "view_replay"),
    ("inspection", "view_challenge"),
]
_REVIEW_PERMISSIONS = [*_VIEW_PERMISSIONS, ("labeling", "add_review"), ("inspection", "add_inspection")]
_MANAGE_PERMISSIONS = [
    *_REVIEW_PERMISSIONS,
    ("inspection", "change_product"),
    ("inspection", "view_policychange"),
    ("labeling", "add_defecttype"),
    ("labeling", "change_defecttype"),
    ("labeling", "adjudicate"),
    ("labeling", "view_skip"),
    ("labeling", "undo_any_label"),
    ("labeling", "change_claim"),
    ("mltasks", "add_trainingrun"),
    ("mltasks", "promote_modelversion"),
    ("mltasks", "override_gate"),
    ("mltasks", "view_trustedplant"),
    ("mltasks", "view_importedversion"),
]
_ADMIN_PERMISSIONS = [
    *_MANAGE_PERMISSIONS,
    ("inspection", "add_product"),
    ("inspection", "add_station"),
    ("inspection", "change_station"),
    ("inspection", "view_stationkey"),
    ("inspection", "add_stationkey"),
    ("inspection", "change_stationkey"),
    ("mltasks", "add_trustedplant"),
    ("mltasks", "delete_trustedplant"),
    ("auth", "view_user"),
    ("auth", "add_user"),
    ("auth", "change_user"),
]
GROUPS = {REVIEWER: _REVIEW_PERMISSIONS, QUALITY_MANAGER: _MANAGE_PERMISSIONS, ADMIN: _ADMIN_PERMISSIONS}


def connect_post_migrate() -> None:
    """Create the groups after every migration."""
    post_migrate.connect(make_groups, dispatch_uid="webapp.bootstrap.groups")


def make_groups(sender: AppConfig, **kwargs: Any) -> None:
    """Create the groups and add their permissions, once the last app has its permissions."""
    if sender.name != "labeling":  # the last app with tables: all permissions exist
        return
    from django.contrib.auth.models import Group, Permission

    found = Permission.objects.values_list("content_type__app_label", "codename", "pk")
    keys = {(app_label, codename): key for app_label, codename, key in found}
    for name, wanted in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(*(keys[permission] for permission in wanted))
