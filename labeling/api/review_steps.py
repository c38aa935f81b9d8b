"""REST: base of the reviewers' views, and of the steps on a claim."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from labeling.models import Claim
from mltasks.api.default_permission import HasPermission
from mltasks.web.access import refuse_stranger

CLAIM = OpenApiParameter("claim", OpenApiTypes.UUID, OpenApiParameter.PATH)
TAG = ["review"]


def read_body(request: Request, serializer: type[Serializer[Any]]) -> dict[str, Any]:
    """Return the validated fields of the body. Raises ValidationError."""
    form = serializer(data=request.data)
    form.is_valid(raise_exception=True)
    said: dict[str, Any] = form.validated_data
    return said


def uuid_of(text: str) -> UUID:
    """Return the id that an address names. Raises Http404 for a text that is no UUID."""
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


class MayReview(HasPermission):
    """Reviewers and those above them."""

    permission = "labeling.add_review"
    message = "You may not review parts."


class ReviewView(APIView):
    """What all of them share."""

    permission_classes: list[type[BasePermission]] = [IsAuthenticated, MayReview]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse strangers, and a page that was made for somebody else."""
        super().initial(request, *args, **kwargs)
        refuse_stranger(request)

    @property
    def reviewer(self) -> User:
        """Who asks."""
        return cast(User, self.request.user)

    def own_claim(self, key: str) -> Claim:
        """The reviewer's claim. Raises Http404, for another's claim too."""
        own = Claim.objects.filter(reviewer=self.reviewer).select_related(
            "inspection__product", "inspection__station", "inspection__model_version"
        )
        return get_object_or_404(own, pk=uuid_of(key))


def claim_step(
    operation_id: str,
    request_class: type[Serializer[Any]] | None,
    responses: dict[int, type[Serializer[Any]] | OpenApiResponse],
    *,
    many: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Make a view's ``post`` of a step on the reviewer's own claim.

    1. Validate the body by ``request_class``.
    2. Take the step with the claim of the address and the body's fields.
    3. Answer with the one status and serializer of ``responses``; without a serializer the body is empty.
    """
    ((status, answer_class),) = responses.items()
    shown: Any = answer_class(many=True) if many and isinstance(answer_class, type) else answer_class
    describe = extend_schema(
        operation_id=operation_id, tags=TAG, parameters=[CLAIM], request=request_class, responses={status: shown}
    )

    def decorate(step: Callable[..., Any]) -> Callable[..., Response]:
        @wraps(step)
        def post(self: ReviewView, request: Request, claim: str) -> Response:
            asked = read_body(request, request_class) if request_class else {}
            row = step(self, self.own_claim(claim), **asked)
            if isinstance(answer_class, OpenApiResponse):
                return Response(status=status)
            return Response(answer_class(row, many=many).data, status=status)

        described: Callable[..., Response] = describe(post)
        return described

    return decorate
