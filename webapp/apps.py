"""The roof: puts all floors together."""

from django.apps import AppConfig


class WebappConfig(AppConfig):
    """Settings, urls, celery, health and the dashboard."""

    name = "webapp"
    verbose_name = "Second Look"

    def ready(self) -> None:
        """Register the system checks and the groups."""
        from webapp.bootstrap import groups
        from webapp.config import settings_checks

        settings_checks.register_checks()
        groups.connect_post_migrate()
