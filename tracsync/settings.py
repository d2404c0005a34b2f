"""Settings come from the environment and a file in the data folder; without any, one machine runs safely.

Every variable is described in docs/configuration.md.
"""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF
from pythonjsonlogger.core import RESERVED_ATTRS

from tracsync import __version__, environment, keys
from tracsync.common import installation

BASE_DIR = installation.BASE_DIR
env = environment.Environment()

DATA_DIR = Path(env.path("TRACSYNC_DATA_DIR", default=str(installation.data_dir()))()).resolve()

SETTINGS_FILE = DATA_DIR / "tracsync.env"
env.read_file(SETTINGS_FILE)

# The first of each is used for what is new; what was made with the others is still known.
_SECRET_KEY = env.str("SECRET_KEY", default="")
SECRET_KEY, *SECRET_KEY_FALLBACKS = [_SECRET_KEY] if _SECRET_KEY else keys.secret_keys(DATA_DIR)
SECRET_KEY_FALLBACKS += env.list("SECRET_KEY_FALLBACKS", default=[])
TRACSYNC_ENCRYPTION_KEYS = env.list("TRACSYNC_ENCRYPTION_KEYS", default=[]) or keys.encryption_keys(DATA_DIR)

DEBUG = env.bool("TRACSYNC_DEBUG", default=False)
ALLOWED_HOSTS = env.list("TRACSYNC_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("TRACSYNC_TRUSTED_ORIGINS", default=[])
TRACSYNC_TRUSTED_PROXIES = env.networks("TRACSYNC_TRUSTED_PROXIES")

# What moves when.
TRACSYNC_QUIET_PERIOD = env.float("TRACSYNC_QUIET_PERIOD", default=20.0)
TRACSYNC_MAX_WAIT = env.float("TRACSYNC_MAX_WAIT", default=None)
TRACSYNC_CONCURRENCY = env.int("TRACSYNC_CONCURRENCY", default=8)
TRACSYNC_BATCH_SIZE = env.int("TRACSYNC_BATCH_SIZE", default=500)
TRACSYNC_EQUAL_REJECTIONS = env.int("TRACSYNC_EQUAL_REJECTIONS", default=5)
TRACSYNC_WORKERS = env.int("TRACSYNC_WORKERS", default=4)

# What profiles are called: of each kind the first path with a value counts.
TRACSYNC_NAME_PATHS = env.list(
    "TRACSYNC_NAME_PATHS",
    default=[
        *("data.pii.display_name", "data.pii.firstname+data.pii.lastname", "traits.name"),
        *("traits.firstname+traits.lastname", "traits.first_name+traits.last_name"),
        *("pii.name+pii.surname", "name", "firstname+lastname", "first_name+last_name"),
    ],
)
TRACSYNC_EMAIL_PATHS = env.list(
    "TRACSYNC_EMAIL_PATHS",
    default=[
        *("data.contact.email.main", "data.contact.email.private", "data.contact.email.business"),
        *("traits.email", "pii.email", "email"),
    ],
)

# Of profiles, what whoever may not see personal data does not see; without any it is all of it.
TRACSYNC_MASKED_PATHS = env.list("TRACSYNC_MASKED_PATHS", default=[])

# What is let in, out and kept.
TRACSYNC_MAX_DOCUMENT_BYTES = env.int("TRACSYNC_MAX_DOCUMENT_BYTES", default=1_000_000)
TRACSYNC_MAX_DOCUMENT_DEPTH = env.int("TRACSYNC_MAX_DOCUMENT_DEPTH", default=64)
TRACSYNC_MAX_BULK_RECORDS = env.int("TRACSYNC_MAX_BULK_RECORDS", default=50_000)
TRACSYNC_MAX_REQUEST_BYTES = env.int("TRACSYNC_MAX_REQUEST_BYTES", default=50_000_000)
TRACSYNC_MAX_UPLOAD_BYTES = env.int("TRACSYNC_MAX_UPLOAD_BYTES", default=200 * 1024**2)
TRACSYNC_CONNECTORS_DIR = Path(
    env.path("TRACSYNC_CONNECTORS_DIR", default=str(DATA_DIR / "connectors"))()
).resolve()
TRACSYNC_ALLOWED_INTERNAL_NETWORKS = env.list("TRACSYNC_ALLOWED_INTERNAL_NETWORKS", default=[])
TRACSYNC_ATTEMPT_BODIES = env.str("TRACSYNC_ATTEMPT_BODIES", default="asked")
TRACSYNC_ATTEMPT_DAYS = env.int("TRACSYNC_ATTEMPT_DAYS", default=30)
TRACSYNC_HISTORY_DAYS = env.int("TRACSYNC_HISTORY_DAYS", default=365)
TRACSYNC_TRAIL_DAYS = env.int("TRACSYNC_TRAIL_DAYS", default=400)

# API tokens.
TRACSYNC_TOKEN_DAYS = env.int("TRACSYNC_TOKEN_DAYS", default=90)
TRACSYNC_MAX_TOKEN_DAYS = env.int("TRACSYNC_MAX_TOKEN_DAYS", default=366)
TRACSYNC_API_REQUESTS_PER_MINUTE = env.int("TRACSYNC_API_REQUESTS_PER_MINUTE", default=6000)

INSTALLED_APPS = [
    "tracsync.apps.TracsyncConfig",
    "profiles.apps.ProfilesConfig",
    "destinations.apps.DestinationsConfig",
    "tracsync.apps.TracsyncAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "django_q",
    "django_guid",
    "axes",
]

MIDDLEWARE = [
    "django_guid.middleware.guid_middleware",
    "tracsync.monitoring.request_spans.RequestSpans",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "tracsync.api.headers.HeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tracsync.sign_in.middleware.SecondFactorMiddleware",
    "tracsync.trail.middleware.TrailMiddleware",
    "tracsync.admin.preferences.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "tracsync.api.idempotency.IdempotencyMiddleware",
]

ROOT_URLCONF = "tracsync.urls"
WSGI_APPLICATION = "tracsync.wsgi.application"

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
            ],
        },
    },
]

DATABASES = {"default": env.database("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'tracsync.sqlite3'}")}
DATABASES["default"].update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    environment.make_private(DATA_DIR)
    # One writer at a time: take the write lock when a transaction begins, and wait for it, instead of
    # failing when a reader turns writer. Requests wait less: tracsync/processes/handler.py.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
else:
    # Whatever holds a lock or works without an end must not stop everybody: they fail, and try again.
    # What is asked here are looks into indexes, of rows that are in memory: at the price of a disk's arm for
    # each of them, the planner reads the whole table for what is in flight.
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault(
        "options",
        "-c lock_timeout=5s -c statement_timeout=120s -c idle_in_transaction_session_timeout=120s"
        " -c random_page_cost=1.1",
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# SQLite has one writer at a time; other databases serve several processes.
_PROCESSES = 1 if DATABASES["default"]["ENGINE"].endswith("sqlite3") else max(2, min(4, os.cpu_count() or 1))
TRACSYNC_WEB_PROCESSES = env.int("TRACSYNC_WEB_PROCESSES", default=_PROCESSES)

REDIS_URL = env.str("REDIS_URL", default="")
if REDIS_URL:
    environment.need("redis", "REDIS_URL", extra="redis")

# Tasks are wake-ups: what is waiting is in the tables, and so are retries. django-q2 tries once, forgets.
# Tasks are JSON: workers of earlier releases, which know pickles only, have a queue of their own.
TASK_FORMAT = ".json"
Q_CLUSTER = {
    "name": env.str("TRACSYNC_QUEUE", default="tracsync") + TASK_FORMAT,
    "workers": TRACSYNC_WORKERS,
    "queue_limit": TRACSYNC_WORKERS,
    "timeout": 240,
    "retry": 300,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "bulk": 4,
    "poll": 0.1,
    "recycle": 5000,
    "catch_up": False,
    "log_level": "WARNING",
    **({"redis": REDIS_URL} if REDIS_URL else {"orm": "default"}),
}
if not REDIS_URL and DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    Q_CLUSTER["broker_class"] = "tracsync.processes.sqlite_broker.SQLiteBroker"

# What is told unasked, and the links in it.
_MAIL = env.email("EMAIL_URL")
EMAIL_BACKEND = _MAIL["BACKEND"]
EMAIL_HOST, EMAIL_PORT = _MAIL["HOST"], _MAIL["PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL["HOST_USER"], _MAIL["HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL["USE_TLS"], _MAIL["USE_SSL"]
EMAIL_FILE_PATH = _MAIL["FILE_PATH"]
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("TRACSYNC_EMAIL_FROM", default="tracsync@localhost")
TRACSYNC_URL = env.str("TRACSYNC_URL", default="") or (CSRF_TRUSTED_ORIGINS or ["http://localhost:8000"])[0]

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Ten wrong passwords for a name or from an address, and it waits; what was tried is forgotten as soon.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # else whoever goes on would lock a name for good
AXES_LOCKOUT_PARAMETERS = "tracsync.sign_in.throttle.counted_by"
AXES_CLIENT_IP_CALLABLE = "tracsync.api.callers.counted"
AXES_LOCKOUT_CALLABLE = "tracsync.admin.error_pages.too_many_sign_ins"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code"]
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

TRACSYNC_SECOND_FACTOR = env.choice("TRACSYNC_SECOND_FACTOR", "optional", "superusers", "everybody")
if TRACSYNC_SECOND_FACTOR != "optional":
    environment.need("segno", "TRACSYNC_SECOND_FACTOR", extra="second-factor")

# Signing in by an issuer (OpenID Connect).
TRACSYNC_OIDC_ISSUER = env.issuer("TRACSYNC_OIDC_ISSUER")
TRACSYNC_OIDC_CLIENT_ID = env.str("TRACSYNC_OIDC_CLIENT_ID", default="")
TRACSYNC_OIDC_CLIENT_SECRET = env.str("TRACSYNC_OIDC_CLIENT_SECRET", default="")
TRACSYNC_OIDC_NAME = env.str("TRACSYNC_OIDC_NAME", default="") or urlsplit(TRACSYNC_OIDC_ISSUER).hostname
TRACSYNC_OIDC_SCOPES = env.str("TRACSYNC_OIDC_SCOPES", default="openid email profile")
TRACSYNC_OIDC_CREATE = env.bool("TRACSYNC_OIDC_CREATE", default=False)
TRACSYNC_OIDC_GROUPS_CLAIM = env.str("TRACSYNC_OIDC_GROUPS_CLAIM", default="groups")
TRACSYNC_OIDC_ROLES = env.pairs("TRACSYNC_OIDC_ROLES")
TRACSYNC_OIDC_SECOND_FACTOR = env.choice("TRACSYNC_OIDC_SECOND_FACTOR", "here", "issuer")
TRACSYNC_LOCAL_SIGN_IN = env.choice("TRACSYNC_LOCAL_SIGN_IN", "everybody", "superusers")
if TRACSYNC_OIDC_ISSUER:
    environment.need("authlib", "TRACSYNC_OIDC_ISSUER", extra="oidc")
    environment.need_too("TRACSYNC_OIDC_ISSUER", "TRACSYNC_OIDC_CLIENT_ID", TRACSYNC_OIDC_CLIENT_ID)
    environment.need_too("TRACSYNC_OIDC_ISSUER", "TRACSYNC_OIDC_CLIENT_SECRET", TRACSYNC_OIDC_CLIENT_SECRET)
if TRACSYNC_LOCAL_SIGN_IN != "everybody":
    environment.need_too("TRACSYNC_LOCAL_SIGN_IN", "TRACSYNC_OIDC_ISSUER", TRACSYNC_OIDC_ISSUER)

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tracsync.api.tokens.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["tracsync.api.tokens.InScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["tracsync.api.parsers.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": [
        "tracsync.api.tokens.OwnDestination",
        "django_filters.rest_framework.DjangoFilterBackend",
    ],
    "DEFAULT_PAGINATION_CLASS": "tracsync.api.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "tracsync.api.description.Description",
    "EXCEPTION_HANDLER": "tracsync.api.errors.handle",
    "PAGE_SIZE": 100,
    "UNICODE_JSON": True,
    "STRICT_JSON": True,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "tracsync",
    "DESCRIPTION": "Keeps external systems in step with customer profiles.",
    "VERSION": __version__,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "^.*/v1/",
    "PREPROCESSING_HOOKS": ["tracsync.api.description.versioned_only"],
    "ENUM_NAME_OVERRIDES": {
        "RatePeriodEnum": "destinations.models.RatePeriod",
        "LeavingEnum": "destinations.models.Destination.Leaving",
        "StateEnum": "destinations.models.ProfileSync.State",
        "JobStateEnum": "tracsync.common.jobs.Job.State",
        "KindEnum": "destinations.models.Replay.Kind",
        "NoticeEventEnum": "tracsync.models.Event",
        "NoticeChannelKindEnum": "tracsync.models.NoticeChannel.Kind",
    },
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
TIME_ZONE = env.str("TRACSYNC_TIME_ZONE", default="UTC")
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
# Static files are served from the packages they come in: nothing to collect before the first start.
WHITENOISE_USE_FINDERS = True

# A form's: a document in it becomes three times as long. The API's bodies have limits of their own.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000 + 3 * 3 * TRACSYNC_MAX_DOCUMENT_BYTES
FILE_UPLOAD_HANDLERS = [
    "profiles.imports.upload_limit.BoundedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

HTTPS = env.bool("TRACSYNC_HTTPS", default=False)
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "tracsync.admin.error_pages.csrf_failure"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

TRACSYNC_TRACES = env.bool("TRACSYNC_TRACES", default=False)
if TRACSYNC_TRACES:
    environment.need("opentelemetry", "TRACSYNC_TRACES", extra="traces")

# Whoever asks may say what the lines of its request are marked with, as nginx does.
DJANGO_GUID = {
    "GUID_HEADER_NAME": "X-Request-ID",
    "RETURN_HEADER": True,
    "EXPOSE_HEADER": False,
    "UUID_LENGTH": 32,
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request": {"()": "django_guid.log_filters.CorrelationId", "correlation_id_field": "request_id"},
        "without_ids": {"()": "tracsync.monitoring.logs.WithoutIds"},
        "without_refusals": {"()": "tracsync.monitoring.logs.WithoutRefusals"},
    },
    "formatters": {
        "text": {
            "class": "tracsync.common.terminal.LineFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {
            "()": "tracsync.common.terminal.JsonFormatter",
            "fmt": "{levelname}{name}{message}{request_id}",
            "style": "{",
            "timestamp": "at",
            "rename_fields": {"levelname": "level", "name": "logger"},
            "reserved_attrs": [*RESERVED_ATTRS, "request"],  # Django's object, of which the address is a part
        },
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": env.choice("TRACSYNC_LOG_FORMAT", "text", "json"),
            "filters": ["request", "without_ids", "without_refusals"],
        }
    },
    "root": {"handlers": ["console"], "level": env.str("TRACSYNC_LOG_LEVEL", default="INFO")},
    "loggers": {
        "django-q": {"level": "WARNING"},
        "django_guid": {"level": "ERROR"},  # else it tells of each request that it has one
        "axes": {"level": "WARNING"},
        "authlib": {"level": "INFO"},  # below it, it tells the secrets of a sign-in
        "pika": {"level": "CRITICAL"},
        "waitress.queue": {"level": "ERROR"},
    },
}

TRACSYNC_SETTING_FILES = env.files
