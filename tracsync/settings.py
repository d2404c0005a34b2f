"""Settings come from the environment; without any, one machine with SQLite runs safely.

Every variable is described in docs/configuration.md.
"""

import os
from pathlib import Path

from csp.constants import NONCE, NONE, SELF

from tracsync import __version__, environment, keys
from tracsync.common import installation

BASE_DIR = installation.BASE_DIR
env = environment.Environment()

DATA_DIR = Path(env.path("TRACSYNC_DATA_DIR", default=str(installation.data_dir()))()).resolve()

SECRET_KEY = env.str("SECRET_KEY", default="") or keys.secret_key(DATA_DIR)
TRACSYNC_ENCRYPTION_KEYS = env.list("TRACSYNC_ENCRYPTION_KEYS", default=[]) or [keys.encryption_key(DATA_DIR)]

DEBUG = env.bool("TRACSYNC_DEBUG", default=False)
ALLOWED_HOSTS = env.list("TRACSYNC_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("TRACSYNC_TRUSTED_ORIGINS", default=[])

# What moves when.
TRACSYNC_QUIET_PERIOD = env.float("TRACSYNC_QUIET_PERIOD", default=20.0)
TRACSYNC_MAX_WAIT = env.float("TRACSYNC_MAX_WAIT", default=None)
TRACSYNC_CONCURRENCY = env.int("TRACSYNC_CONCURRENCY", default=8)
TRACSYNC_BATCH_SIZE = env.int("TRACSYNC_BATCH_SIZE", default=500)
TRACSYNC_EQUAL_REJECTIONS = env.int("TRACSYNC_EQUAL_REJECTIONS", default=5)
TRACSYNC_WORKERS = env.int("TRACSYNC_WORKERS", default=4)

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
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tracsync.admin.preferences.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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
    # failing when a reader turns writer.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
else:
    # Whatever holds a lock or works without an end must not stop everybody: they fail, and try again.
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault(
        "options", "-c lock_timeout=5s -c statement_timeout=120s -c idle_in_transaction_session_timeout=120s"
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

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tracsync.api.tokens.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["tracsync.api.parsers.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "tracsync.api.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
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
    "ENUM_NAME_OVERRIDES": {
        "RatePeriodEnum": "destinations.models.RatePeriod",
        "LeavingEnum": "destinations.models.Destination.Leaving",
        "StateEnum": "destinations.models.ProfileSync.State",
        "JobStateEnum": "tracsync.common.jobs.Job.State",
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
X_FRAME_OPTIONS = "DENY"

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

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": "tracsync.common.terminal.LineFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("TRACSYNC_LOG_LEVEL", default="INFO")},
    "loggers": {
        "django-q": {"level": "WARNING"},
        "pika": {"level": "CRITICAL"},
        "waitress.queue": {"level": "ERROR"},
    },
}
