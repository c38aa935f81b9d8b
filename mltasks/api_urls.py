"""Addresses under ``/api/v1/models/``."""

from django.urls import path

from mltasks import api, api_card, api_gate, api_verification

_VERSION = "<slug:product>/versions/<int:number>/"

urlpatterns = [
    path("<slug:product>/versions/", api.VersionList.as_view(), name="version-list"),
    path(_VERSION, api.VersionDetail.as_view(), name="version-detail"),
    path(f"{_VERSION}report/", api.VersionReport.as_view(), name="version-report"),
    path(f"{_VERSION}card/", api_card.VersionCard.as_view(), name="version-card"),
    path(f"{_VERSION}promote/", api.VersionPromote.as_view(), name="version-promote"),
    path(f"{_VERSION}gate/", api_gate.VersionGate.as_view(), name="version-gate"),
    path(f"{_VERSION}approve/", api_gate.VersionApprove.as_view(), name="version-approve"),
    path(f"{_VERSION}verify/", api_verification.VersionVerify.as_view(), name="version-verify"),
    path(f"{_VERSION}rollback/", api.VersionRollback.as_view(), name="version-rollback"),
    path(f"{_VERSION}files/<path:path>", api.VersionFile.as_view(), name="version-file"),
    path("<slug:product>/runs/", api.RunList.as_view(), name="run-list"),
    path("<slug:product>/runs/<int:pk>/", api.RunDetail.as_view(), name="run-detail"),
]
