"""REST views that run one step on the addressed row and answer with the resulting row."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

Step = Callable[..., Any]


class StepView(APIView):
    """Base of step views: ``step`` makes ``post``; ``target`` returns the row or raises Http404."""

    target: Callable[..., Any]


def read_body(request: Request, request_class: type[Serializer[Any]]) -> dict[str, Any]:
    """Return the validated fields of the body. Raises ValidationError."""
    form = request_class(data=request.data)
    form.is_valid(raise_exception=True)
    fields: dict[str, Any] = form.validated_data
    return fields


def step(
    request_class: type[Serializer[Any]] | None,
    responses: dict[int, type[Serializer[Any]] | OpenApiResponse],
    *,
    many: bool = False,
    **schema: Any,
) -> Callable[[Step], Callable[..., Response]]:
    """Turn a view's method into its ``post``; ``schema`` describes the operation.

    1. Validate the body by ``request_class``.
    2. Call the method with the view's target and the body's fields.
    3. Answer with the one status and serializer of ``responses``; without a serializer the body is empty.
    """
    ((status, answer_class),) = responses.items()
    shown: Any = answer_class(many=True) if many and isinstance(answer_class, type) else answer_class
    describe = extend_schema(request=request_class, responses={status: shown}, **schema)

    def decorate(take: Step) -> Callable[..., Response]:
        @wraps(take)
        def post(self: StepView, request: Request, **address: Any) -> Response:
            fields = read_body(request, request_class) if request_class else {}
            row = take(self, self.target(**address), **fields)
            if isinstance(answer_class, OpenApiResponse):
                return Response(status=status)
            return Response(answer_class(row, many=many).data, status=status)

        described: Callable[..., Response] = describe(post)
        return described

    return decorate
