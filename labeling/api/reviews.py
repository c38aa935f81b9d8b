"""REST: claim a part, say what it is, take it back."""

from __future__ import annotations

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

from inspection.api.openapi import INSPECTION_ID
from inspection.models import Inspection
from labeling.api.serializers import (
    ClaimRequestSerializer,
    ClaimSerializer,
    LabelSerializer,
    QueueVerdictRequestSerializer,
    SkipRequestSerializer,
    SkipSerializer,
    VerdictRequestSerializer,
)
from labeling.models import Claim, Label
from labeling.queue import near_duplicate_claims, queue
from labeling.review import review, skips
from mltasks.web.access import refuse_stranger

CLAIM = OpenApiParameter("claim", OpenApiTypes.UUID, OpenApiParameter.PATH)
LABEL = OpenApiParameter("label_id", OpenApiTypes.INT64, OpenApiParameter.PATH)
_TAG = ["review"]


class MayReview(BasePermission):
    """Reviewers and those above them."""

    message = "You may not review parts."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the person reviews."""
        return request.user.has_perm("labeling.add_review")


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
        return get_object_or_404(own, pk=_uuid(key))


class QueueClaim(ReviewView):
    """The way to the next part."""

    @extend_schema(
        operation_id="queue_claim",
        tags=_TAG,
        request=ClaimRequestSerializer,
        responses={200: ClaimSerializer, 204: OpenApiResponse(description="Nothing to review.")},
    )
    def post(self, request: Request) -> Response:
        """Claim the next waiting part for two minutes. 204 when none waits, or you hold as many as you may."""
        form = ClaimRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        if "inspection" in asked:
            claim: Claim | None = queue.claim_part(asked["inspection"], reviewer=self.reviewer)
        else:
            known = asked.get("excluding", ())
            claim = queue.claim(reviewer=self.reviewer, product=asked.get("product"), excluding=known)
        return Response(status=204) if claim is None else Response(ClaimSerializer(claim).data)


class QueueVerdict(ReviewView):
    """The way back, with a verdict."""

    @extend_schema(
        operation_id="queue_verdict",
        tags=_TAG,
        parameters=[CLAIM],
        request=QueueVerdictRequestSerializer,
        responses={201: LabelSerializer},
    )
    def post(self, request: Request, claim: str) -> Response:
        """Settle the claimed part. The same verdict sent again answers with the first label; 409 `claim_lost` when
        another reviewer has the part or settled it."""
        said = _said(request, QueueVerdictRequestSerializer)
        label = review.resolve(self.own_claim(claim), **said)
        return Response(LabelSerializer(label).data, status=201)


class QueueSkip(ReviewView):
    """The way back without a verdict."""

    @extend_schema(
        operation_id="queue_skip",
        tags=_TAG,
        parameters=[CLAIM],
        request=SkipRequestSerializer,
        responses={201: SkipSerializer},
    )
    def post(self, request: Request, claim: str) -> Response:
        """Give the part back with the reason why you don't judge it: it waits for others, and is not offered to you for
        eight hours. The same reason sent again answers with the first skip; 409 `claim_lost` when the claim was
        resolved, or another reviewer has the part or settled it."""
        said = _said(request, SkipRequestSerializer)
        skipped = skips.skip(self.own_claim(claim), **said)
        return Response(SkipSerializer(skipped).data, status=201)


class QueueAlike(ReviewView):
    """Near-identical parts, to be judged together."""

    @extend_schema(
        operation_id="queue_alike",
        tags=_TAG,
        parameters=[CLAIM],
        request=None,
        responses={200: ClaimSerializer(many=True)},
    )
    def post(self, request: Request, claim: str) -> Response:
        """Claim the waiting parts that are near-identical to the claimed one, at most 23, for two minutes; each gets a
        verdict of its own. Sent again it renews the same claims. 409 `claim_lost` once the claim is closed."""
        claims = near_duplicate_claims.claim_alike(self.own_claim(claim))
        return Response(ClaimSerializer(claims, many=True).data)


class QueueRenew(ReviewView):
    """Hold on to a part."""

    @extend_schema(
        operation_id="queue_renew",
        tags=_TAG,
        parameters=[CLAIM],
        request=None,
        responses={200: ClaimSerializer},
    )
    def post(self, request: Request, claim: str) -> Response:
        """Start the claim's two minutes anew; 409 `claim_lost` once it is closed."""
        renewed = queue.renew(self.own_claim(claim))
        return Response(ClaimSerializer(renewed).data)


class QueueRelease(ReviewView):
    """Give a part back."""

    @extend_schema(
        operation_id="queue_release",
        tags=_TAG,
        parameters=[CLAIM],
        request=None,
        responses={204: OpenApiResponse(description="Given back.")},
    )
    def post(self, request: Request, claim: str) -> Response:
        """Give the part back to the queue; a closed claim stays closed."""
        queue.release(self.own_claim(claim))
        return Response(status=204)


class LabelUndoing(ReviewView):
    """Take a label back."""

    @extend_schema(
        operation_id="labels_undo",
        tags=_TAG,
        parameters=[LABEL],
        request=None,
        responses={200: LabelSerializer},
    )
    def post(self, request: Request, label_id: str) -> Response:
        """Take the label that counts back: its author may, and a quality manager. The part waits again when no earlier
        label stands. 409 `already_undone` or `not_standing`."""
        known = Label.objects.select_related("inspection", "defect_type__merged_into", "reviewer")
        label = get_object_or_404(known, pk=_number(label_id))
        review.undo(label, by=self.reviewer)
        return Response(LabelSerializer(label).data)


class InspectionLabel(ReviewView):
    """Say what a part is without the queue."""

    @extend_schema(
        operation_id="inspections_label",
        tags=_TAG,
        parameters=[INSPECTION_ID],
        request=VerdictRequestSerializer,
        responses={201: LabelSerializer},
    )
    def post(self, request: Request, inspection_id: str) -> Response:
        """Correct any part, in the queue or not. Whoever holds it loses the claim. 409 `disputed` where two people
        differ on it and you are not the third, who may settle that."""
        said = _said(request, VerdictRequestSerializer)
        inspection = get_object_or_404(Inspection, pk=_uuid(inspection_id))
        label = review.correct(inspection, by=self.reviewer, **said)
        return Response(LabelSerializer(label).data, status=201)


def _said(request: Request, serializer: type[Serializer[Any]]) -> dict[str, Any]:
    form = serializer(data=request.data)
    form.is_valid(raise_exception=True)
    said: dict[str, Any] = form.validated_data
    return said


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


def _number(text: str) -> int:
    # Longer than any id, and no more than int() reads.
    if not text.isdecimal() or len(text) > 18:
        raise Http404
    return int(text)
