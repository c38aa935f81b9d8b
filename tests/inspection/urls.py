"""The addresses of this floor alone, so that its tests need no floor above."""

from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("inspection.api_urls")),
    path("", include("inspection.predict_urls")),
]
