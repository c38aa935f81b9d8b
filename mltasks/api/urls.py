"""URLs under ``/api/v1/models/``."""

from django.urls import path

from mltasks.api import gate, model_card, verifications, versions

_VERSION = "<slug:product>/versions/<int:number>/"

urlpatterns = [
    path("<slug:product>/versions/", versions.VersionList.as_view(), name="version-list"),
    path(_VERSION, versions.VersionDetail.as_view(), name="version-detail"),
    path(f"{_VERSION}report/", versions.VersionReportView.as_view(), name="version-report"),
    path(f"{_VERSION}card/", model_card.VersionCard.as_view(), name="version-card"),
    path(f"{_VERSION}promote/", versions.VersionPromote.as_view(), name="version-promote"),
    path(f"{_VERSION}gate/", gate.VersionGate.as_view(), name="version-gate"),
    path(f"{_VERSION}approve/", gate.VersionApprove.as_view(), name="version-approve"),
    path(f"{_VERSION}verify/", verifications.VersionVerify.as_view(), name="version-verify"),
    path(f"{_VERSION}rollback/", versions.VersionRollback.as_view(), name="version-rollback"),
    path(f"{_VERSION}files/<path:path>", versions.VersionFile.as_view(), name="version-file"),
    path("<slug:product>/runs/", versions.RunList.as_view(), name="run-list"),
    path("<slug:product>/runs/<int:pk>/", versions.RunDetail.as_view(), name="run-detail"),
]
