"""The seed's own address, at the root."""

from __future__ import annotations

from django.urls import path

from inspection.api import Predict

predict_urlpatterns = [path("predict", Predict.as_view(), name="predict")]
