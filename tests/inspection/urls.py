"""The addresses of this floor alone, so that its tests need no floor above."""

from django.urls import include, path

from inspection.predict_urls import predict_urlpatterns
from inspection.unknown_address import UnknownAddress

urlpatterns = [
    path("api/v1/", include([path("", include("inspection.api_urls")), path("<path:rest>", UnknownAddress.as_view())])),
    path("", include(predict_urlpatterns)),
]
