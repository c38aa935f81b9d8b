"""Base classes of the REST views of review, and of the steps on a claim."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from django.contrib.auth.models import User
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request

from labeling.models import Claim
from mltasks.api.default_permission import requires
from mltasks.api.steps import StepView, step
from mltasks.web.access import require_page_owner

MayReview = requires("labeling.add_review", "You may not review parts.")
CLAIM = OpenApiParameter("claim", OpenApiTypes.UUID, OpenApiParameter.PATH)
TAG = ["review"]
claim_step = partial(step, tags=TAG, parameters=[CLAIM])


class ReviewView(StepView):
    """Base of the review views."""

    permission_classes: list[type[BasePermission]] = [IsAuthenticated, MayReview]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse users without permission, and pages that were made for another user."""
        super().initial(request, *args, **kwargs)
        require_page_owner(request)

    @property
    def reviewer(self) -> User:
        """Return the user of the request."""
        return cast(User, self.request.user)


class ClaimStep(ReviewView):
    """Base of steps on the reviewer's own claim."""

    def target(self, *, claim: str) -> Claim:
        """Return the reviewer's claim. Raises Http404, also for another reviewer's claim."""
        own = Claim.objects.filter(reviewer=self.reviewer).select_related(
            "inspection__product", "inspection__station", "inspection__model_version"
        )
        return get_object_or_404(own, pk=claim)
