"""Django as a WSGI application, which `webapp.asgi` calls in threads."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
application = get_wsgi_application()

from webapp.config.settings_checks import require_safe_settings  # noqa: E402 (its settings are there only now)
from webapp.server.unstorable import Utf8Request  # noqa: E402

application.request_class = Utf8Request
require_safe_settings()
