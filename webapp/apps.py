"""Django app configuration of the project package."""

from django.apps import AppConfig


class WebappConfig(AppConfig):
    """Configuration of the app ``webapp``."""

    name = "webapp"
    verbose_name = "Second Look"

    def ready(self) -> None:
        """Register the system checks and the groups."""
        from webapp.bootstrap import groups
        from webapp.config import settings_checks

        settings_checks.register_checks()
        groups.connect_post_migrate()
