"""REST API of review: claim a part, give a verdict, skip, undo."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from django.contrib.auth.models import User
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

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
from labeling.models import Claim, Label, Skip
from labeling.queue import near_duplicate_claims, queue
from labeling.review import review, skips
from mltasks.api.default_permission import requires
from mltasks.api.steps import StepView, read_body, step
from mltasks.web.access import parse_row_id, require_page_owner

MayReview = requires("labeling.add_review", "You may not review parts. Ask an admin to add you to a group.")
CLAIM = OpenApiParameter("claim", OpenApiTypes.UUID, OpenApiParameter.PATH)
TAG = ["review"]
claim_step = partial(step, tags=TAG, parameters=[CLAIM])
LABEL_PARAMETER = OpenApiParameter("label_id", OpenApiTypes.INT64, OpenApiParameter.PATH)


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
        return get_object_or_404(Claim.objects.filter(reviewer=self.reviewer).with_part(), pk=claim)


class QueueClaim(ReviewView):
    """Claim the next part."""

    @extend_schema(
        operation_id="queue_claim",
        tags=TAG,
        request=ClaimRequestSerializer,
        responses={200: ClaimSerializer, 204: OpenApiResponse(description="Nothing to review.")},
    )
    def post(self, request: Request) -> Response:
        """Claim the next waiting part for two minutes.

        204 if no part waits, or if you hold as many claims as allowed.
        """
        fields = read_body(request, ClaimRequestSerializer)
        if "inspection" in fields:
            claim: Claim | None = queue.claim_part(fields["inspection"], reviewer=self.reviewer)
        else:
            claim = queue.claim(
                reviewer=self.reviewer, product=fields.get("product"), excluding=fields.get("excluding", ())
            )
        return Response(status=204) if claim is None else Response(ClaimSerializer(claim).data)


class QueueVerdict(ClaimStep):
    """Give a verdict on a claimed part."""

    @claim_step(QueueVerdictRequestSerializer, {201: LabelSerializer}, operation_id="queue_verdict")
    def post(self, claim: Claim, **fields: Any) -> Label:
        """Give your verdict on the claimed part.

        The same verdict sent again returns the first label. 409 `claim_lost` if another reviewer holds or resolved the
        part.
        """
        return review.resolve(claim, **fields)


class QueueSkip(ClaimStep):
    """Skip a claimed part."""

    @claim_step(SkipRequestSerializer, {201: SkipSerializer}, operation_id="queue_skip")
    def post(self, claim: Claim, **fields: Any) -> Skip:
        """Give the part back with the reason why you don't judge it.

        The part waits for others and is not offered to you for eight hours. The same reason sent again returns the
        first skip. 409 `claim_lost` if the claim was resolved, or if another reviewer holds or resolved the part.
        """
        return skips.skip(claim, **fields)


class QueueNearDuplicates(ClaimStep):
    """Claim the near-duplicates of a claimed part."""

    @claim_step(None, {200: ClaimSerializer}, many=True, operation_id="queue_alike")
    def post(self, claim: Claim) -> list[Claim]:
        """Claim the waiting near-duplicates of the claimed part, at most 23, for two minutes.

        Each part gets its own verdict. The same request sent again renews the same claims. 409 `claim_lost` if the
        claim is closed.
        """
        return near_duplicate_claims.claim_near_duplicates(claim)


class QueueRenew(ClaimStep):
    """Renew a claim."""

    @claim_step(None, {200: ClaimSerializer}, operation_id="queue_renew")
    def post(self, claim: Claim) -> Claim:
        """Restart the claim's two minutes. 409 `claim_lost` if the claim is closed."""
        return queue.renew(claim)


class QueueRelease(ClaimStep):
    """Release a claim."""

    @claim_step(None, {204: OpenApiResponse(description="Released.")}, operation_id="queue_release")
    def post(self, claim: Claim) -> None:
        """Give the part back to the queue. A closed claim stays closed."""
        queue.release(claim)


class UndoLabel(ReviewView):
    """Undo a label."""

    def target(self, *, label_id: str) -> Label:
        """Return the label of the address. Raises Http404."""
        labels = Label.objects.select_related("inspection", "defect_type__merged_into", "reviewer")
        return get_object_or_404(labels, pk=parse_row_id(label_id))

    @step(None, {200: LabelSerializer}, operation_id="labels_undo", tags=TAG, parameters=[LABEL_PARAMETER])
    def post(self, label: Label) -> Label:
        """Undo the standing label: allowed for its author and quality managers.

        The part waits again if no earlier label stands. 409 `already_undone` or `not_standing`.
        """
        review.undo(label, by=self.reviewer)
        return label


class InspectionLabel(ReviewView):
    """Label a part without the queue."""

    def target(self, *, inspection_id: str) -> Inspection:
        """Return the inspection of the address. Raises Http404."""
        return get_object_or_404(Inspection, pk=inspection_id)

    @step(
        VerdictRequestSerializer,
        {201: LabelSerializer},
        operation_id="inspections_label",
        tags=TAG,
        parameters=[INSPECTION_ID],
    )
    def post(self, inspection: Inspection, **fields: Any) -> Label:
        """Correct the label of any part, in the queue or not.

        A reviewer who holds the part loses the claim. 409 `disputed` if two people differ on the part and you may not
        adjudicate.
        """
        return review.correct(inspection, by=self.reviewer, **fields)
