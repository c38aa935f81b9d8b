"""URLs of the whole site."""

from __future__ import annotations

from csp.decorators import csp_update
from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from inspection.api.unknown_address import UnknownAddress
from inspection.api.urls import predict_urlpatterns
from webapp.accounts.passwords import PasswordPage
from webapp.dashboard import dashboard, layout_context
from webapp.health import health
from webapp.server.security_headers import INLINE_STYLES

handler400 = "webapp.server.error_handlers.bad_request"
handler404 = "webapp.server.error_handlers.not_found"
handler500 = "webapp.server.error_handlers.server_error"

_api: list[URLPattern | URLResolver] = [
    path("", include("inspection.api.urls")),
    path("", include("labeling.api.urls")),
    path("models/", include("mltasks.api.urls")),
    path("<path:rest>", UnknownAddress.as_view()),
]

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("", dashboard.dashboard, name="dashboard"),
    path("dashboard/facts/", dashboard.summary_cards, name="dashboard-facts"),
    path("dashboard/lines/", dashboard.stations_and_runs, name="dashboard-lines"),
    path("dashboard/days/", dashboard.daily_chart, name="dashboard-days"),
    path("inspect/", dashboard.inspect_photo, name="inspect"),
    path("login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password/", PasswordPage.as_view(), name="password"),
    path("theme/", layout_context.set_theme, name="theme"),
    path("", include("labeling.urls")),
    path("", include("inspection.urls")),
    path("", include("mltasks.urls")),
    path("", include(predict_urlpatterns)),
    path("api/v1/", include(_api)),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    # Its renderer draws one page and no metadata: OPTIONS is answered 405.
    path(
        "api/docs/",
        csp_update(INLINE_STYLES)(SpectacularSwaggerSplitView.as_view(url_name="schema", metadata_class=None)),
        name="docs",
    ),
    path("admin/", admin.site.urls),
]
