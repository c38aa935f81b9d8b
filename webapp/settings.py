"""Django settings from the environment, checked by `webapp.config.settings_checks`."""

from __future__ import annotations

from pathlib import Path

from csp.constants import NONE, SELF

from webapp.config import database, languages, storages, task_schedule
from webapp.config.admin_theme import UNFOLD as UNFOLD  # django-unfold looks for it here
from webapp.config.environment import Environment, available_cores
from webapp.config.running_services import running_services, secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(BASE_DIR)
ENVIRONMENT_PROBLEMS = env.problems

VAR = env.folder("VAR", "var")
PORT = env.integer("PORT", 8000, 1, 65535)
DEMO = env.flag("DEMO", True)
_services = running_services(VAR)

DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY") or secret_key(VAR)
ALLOWED_HOSTS = env.text_list("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.text_list("CSRF_TRUSTED_ORIGINS", [])

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "rest_framework.authtoken",
    "rest_framework_api_key",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "pgtrigger",
    "axes",
    "mltasks",
    "inspection",
    "labeling",
    "webapp",
]

MIDDLEWARE = [
    "webapp.health.prometheus.RequestLatencyMiddleware",
    "webapp.server.unstorable.UnstorableMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "webapp.server.service_unavailable.ServiceUnavailableMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "webapp.server.security_headers.NoStoreMiddleware",
    "csp.middleware.CSPMiddleware",
    "webapp.server.security_headers.AdminCspMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "webapp.urls"
WSGI_APPLICATION = "webapp.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "webapp.dashboard.layout_context.layout_context",
            ],
        },
    }
]

# Database: an external server by DATABASE_URL, else the embedded one that `make up` runs under VAR.
DATABASE_NAMED = bool(env.text("DATABASE_URL"))
DATABASE_FOUND = DATABASE_NAMED or "database_url" in _services
DATABASES = {"default": database.database_settings(env, _services.get("database_url", "postgres:///second_look"))}
BROKER_NAMED = bool(env.text("REDIS_URL"))
REDIS_URL = env.text("REDIS_URL") or _services.get("redis_url", "redis://127.0.0.1:6379/0")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Files
MEDIA_ROOT = env.folder("MEDIA_ROOT", "media")
VERSIONS_DIR = VAR / "versions"
# Signs versions exported to other plants. Created at first use; machines of one plant share it.
SIGNING_KEY_FILE = env.folder("SIGNING_KEY_FILE", f"{VAR}/keys/signing.pem")
# Shared bucket of several machines, and the size of this machine's cache.
MEDIA_STORE = env.choice("MEDIA_STORE", ["local", "s3"])
S3_BUCKET = env.text("S3_BUCKET")
S3_ENDPOINT_URL = env.text("S3_ENDPOINT_URL")
S3_REGION = env.text("S3_REGION")
S3_PREFIX = env.text("S3_PREFIX")
MEDIA_CACHE_DIR = VAR / "media-cache"
MEDIA_CACHE_BYTES = env.integer("MEDIA_CACHE_BYTES", 4 << 30, 64 << 20, 1 << 50)
STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        # Hashed names need `collectstatic`. `make up` and the image run it with STATIC_HASHED=1 to create the first
        # ones; tests and DEBUG do without.
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if env.flag("STATIC_HASHED", (STATIC_ROOT / "staticfiles.json").exists() and not DEBUG)
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
    **(
        storages.s3_storages(S3_BUCKET, S3_PREFIX, endpoint_url=S3_ENDPOINT_URL, region=S3_REGION)
        if MEDIA_STORE == "s3"
        else storages.local_storages(MEDIA_ROOT, VERSIONS_DIR)
    ),
}
WHITENOISE_USE_FINDERS = True

# Scoring
# Images scored at a time per machine, and threads per image; 0: from the number of cores. Any process may use them
# all, because connections are not distributed evenly. See `mltasks.registry.host_semaphore` and docs/performance.md.
SCORING_THREADS = env.integer("SCORING_THREADS", 0, 0, 1024) or max(1, available_cores() // 8)
SCORING_IMAGES = env.integer("SCORING_IMAGES", 0, 0, 64) or max(1, available_cores() // SCORING_THREADS)
# Memory of a process for loaded versions, of which one takes 130 to 200 MB. The last used version always stays.
SCORER_CACHE_BYTES = env.integer("SCORER_CACHE_MB", 280, 0, 1 << 20) << 20
# Memory of a web process beyond its loaded versions at which a fresh process replaces it.
WEB_MEMORY_BYTES = env.integer("WEB_MEMORY_MB", 1000, 100, 1 << 20) << 20
# Threads of a web process: more than `inspection.intake.admission` lets wait for a score, so that pages and refusals
# always get a thread. Seconds after which a process that answers nothing is ended.
WEB_THREADS = env.integer("WEB_THREADS", min(256, 32 + available_cores()), 2, 256)
WEB_TIMEOUT = env.integer("WEB_TIMEOUT", 30, 2, 3600)
# Proxies that may say by X-Forwarded-Proto that a request came by TLS
FORWARDED_ALLOW_IPS = env.text_list("FORWARDED_ALLOW_IPS", ["127.0.0.1", "::1"])

# Intake limits
MAX_IMAGE_BYTES = env.integer("MAX_IMAGE_BYTES", 32 * 1024 * 1024, 1024, 1 << 30)
MAX_BATCH_BYTES = max(MAX_IMAGE_BYTES, env.integer("MAX_BATCH_BYTES", 256 * 1024 * 1024, 1024, 1 << 32))
# Size of an export archive from another plant
MAX_VERSION_BYTES = env.integer("MAX_VERSION_BYTES", 512 * 1024 * 1024, 1024, 1 << 31)
MAX_IMAGE_PIXELS = env.integer("MAX_IMAGE_PIXELS", 50_000_000, 1024, 1_000_000_000)
MIN_FREE_DISK_BYTES = env.integer("MIN_FREE_DISK_BYTES", 256 * 1024 * 1024, 0, 1 << 50)
# Per web process: concurrent images (0: one more than it scores, so that no core waits for a disk), waiting requests,
# and their longest wait in seconds.
INTAKE_TURNS = env.integer("INTAKE_TURNS", 0, 0, 64) or SCORING_IMAGES + 1
INTAKE_WAITING = env.integer("INTAKE_WAITING", 21, 0, 200)
INTAKE_PATIENCE = env.integer("INTAKE_PATIENCE", 10, 1, 300)
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

# Days after which passed parts that nobody touched are removed; 0 keeps everything.
RETENTION_DAYS = env.integer("RETENTION_DAYS", 0, 0, 36_500)

# Training
BACKBONE = env.text("BACKBONE", "resnet18")
BACKBONE_WEIGHTS = env.text("BACKBONE_WEIGHTS", "auto")

# Celery: messages only trigger work, rows hold the state.
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_DEFAULT_QUEUE = "scoring"
CELERY_TASK_ROUTES = task_schedule.TASK_ROUTES
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A publish must never block a request: recovery finds the row anyway.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 2, "socket_connect_timeout": 2, "max_retries": 1}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TIMEZONE = env.text("TIME_ZONE", "UTC")
CELERY_WORKER_HIJACK_ROOT_LOGGER = False  # LOGGING below also applies to workers
CELERY_BEAT_SCHEDULE = task_schedule.BEAT_SCHEDULE
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "celerybeat-schedule")

# Accounts
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    *(
        {"NAME": f"django.contrib.auth.password_validation.{name}Validator"}
        for name in ("UserAttributeSimilarity", "MinimumLength", "CommonPassword", "NumericPassword")
    ),
    {"NAME": "webapp.accounts.passwords.VarietyValidator"},
]
FIRST_ADMIN_USERNAME = env.text("DJANGO_SUPERUSER_USERNAME")
FIRST_ADMIN_PASSWORD = env.text("DJANGO_SUPERUSER_PASSWORD")
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "login"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_HANDLER = "webapp.accounts.lockouts.LockoutHandler"
AXES_USERNAME_CALLABLE = "webapp.accounts.lockouts.login_name"
AXES_CLIENT_IP_CALLABLE = "webapp.server.client_address.lockout_address"
# A successful login removes earlier failures, and attempts during a lock do not extend it.
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# Proxies whose X-Forwarded-For is trusted; without them all people behind a proxy have one address.
TRUSTED_PROXIES = env.text_list("TRUSTED_PROXIES", [])
AXES_LOCKOUT_TEMPLATE = "429.html"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Set HTTPS=1 behind TLS; on loopback a secure cookie would prevent every login.
HTTPS = env.flag("HTTPS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]  # requested from inside, without the proxy
SECURE_HSTS_SECONDS = env.integer("HSTS_SECONDS", 3600, 0, 63_072_000) if HTTPS else 0
# A plant's proxy may serve other names beside this one, so HSTS covers neither subdomains nor preload.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    # `webapp.server.security_headers` adds what the admin and the API's page need.
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "style-src": [SELF],
        "script-src": [SELF],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
    },
}

# Token required to read /metrics; without a token only this machine may read them.
METRICS_TOKEN = env.text("METRICS_TOKEN")

# REST
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["mltasks.api.default_permission.CanViewVersions"],
    "DEFAULT_PARSER_CLASSES": [
        "inspection.requests.parsers.JSONParser",
        "inspection.requests.parsers.FormParser",
        "inspection.requests.parsers.MultiPartParser",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "mltasks.api.negotiation.LenientContentNegotiation",
    "DEFAULT_SCHEMA_CLASS": "inspection.api.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "inspection.api.errors.exception_handler",
    "DEFAULT_THROTTLE_RATES": {"station": env.text("STATION_RATE", "100/second")},
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Second Look",
    "DESCRIPTION": "Camera stations send parts and get a verdict at once; people and scripts review and promote.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    # One name per set of values, whichever field has it.
    "ENUM_NAME_OVERRIDES": {
        "Verdict": "inspection.models.Verdict",
        "PassOrFail": [("PASS", "PASS"), ("FAIL", "FAIL")],
        "RunState": "mltasks.models.TrainingRun.State",
        "VersionState": "mltasks.models.ModelVersion.State",
        "KindEnum": "mltasks.models.Promotion.Kind",
        "BoundKind": [(kind, kind) for kind in ("confidence", "average", "none")],
    },
}

# The language is the browser's if there is a translation, else the installation's.
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_CODE = languages.configured_language(env, LOCALE_PATHS[0])
LANGUAGES = languages.available_languages(LANGUAGE_CODE, LOCALE_PATHS[0])
TIME_ZONE = env.text("TIME_ZONE", "UTC")
USE_I18N = True
USE_TZ = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "filters": {"one_line": {"()": "webapp.config.log_filters.WithoutTraceback"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO").upper()},
    "loggers": {
        "axes": {"level": "WARNING"},
        "django.security.DisallowedHost": {"filters": ["one_line"]},
        # Recovery tasks run every 15 seconds; their results are in the rows. Failures are logged.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
