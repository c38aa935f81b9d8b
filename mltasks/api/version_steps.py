"""REST: base of the views by which a permitted person changes something about a version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from mltasks.api.default_permission import HasPermission, SeesVersions
from mltasks.refusals import Refusal
from mltasks.registry import registry
from mltasks.web.access import person
from mltasks.web.selection import version_of


class FilesDamaged(Refusal):
    """The version's files are not what was trained."""

    code = "bundle_corrupt"


class MayPromote(HasPermission):
    """Permission to promote versions and to roll back."""

    permission = registry.PERMISSION
    message = "You may not promote versions."


class VersionStep(APIView):
    """Base of steps on one version. ``request_class`` reads the body, ``answer_class`` shows the row that was made."""

    permission_classes: list[type[BasePermission]] = [SeesVersions, MayPromote]
    request_class: type[Serializer[Any]]
    answer_class: type[Serializer[Any]]

    def take(self, step: Callable[..., Any], product: str, number: int, status: int = 201) -> Response:
        """Take the step and answer with its row. Raises Http404 and what the step raises."""
        asked = self.request_class(data=self.request.data)
        asked.is_valid(raise_exception=True)
        try:
            row = step(version_of(product, number), by=person(self.request), **asked.validated_data)
        except registry.BundleCorrupt as error:
            raise FilesDamaged(str(error)) from None
        return Response(self.answer_class(row).data, status=status)
