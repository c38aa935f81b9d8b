"""The addresses of this floor alone, so that its tests need no floor above."""

from django.urls import include, path

from inspection.api.unknown_address import UnknownAddress
from inspection.api.urls import predict_urlpatterns

urlpatterns = [
    path("api/v1/", include([path("", include("inspection.api.urls")), path("<path:rest>", UnknownAddress.as_view())])),
    path("", include(predict_urlpatterns)),
]
