"""Settings of Autopack: the only place that reads the environment.

Everything works with no `.env`: SQLite under AUTOPACK_HOME, a secret key made once, every feature
that is opt-in switched off.
"""

import logging
import os
import socket
import sys
import tempfile
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from autopack_site.flags import parse_flag
from autopack_site.secret_key import read_or_make_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")


def flag(name: str, *, default: bool) -> bool:
    text = env.str(name, default="")
    return parse_flag(name, text) if text.strip() else default


def number(name: str, *, default: float) -> float:
    text = env.str(name, default="")
    try:
        return float(text) if text.strip() else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {text!r}, which is no number.") from None


def whole_number(name: str, *, default: int, least: int = 0) -> int:
    value = number(name, default=default)
    if value != int(value) or value < least:
        raise ImproperlyConfigured(f"{name} is {value:g}; it must be a whole number from {least}.")
    return int(value)


def limits(name: str) -> dict[str, int]:
    """`recipe=4,claude=1` as a dictionary."""
    found = {}
    for part in env.list(name, default=[]):
        key, _, value = part.partition("=")
        if not key.strip() or not value.strip().isdigit():
            raise ImproperlyConfigured(
                f"{name} has {part!r}. Write backend=number, with commas between: recipe=4,claude=1"
            )
        found[key.strip()] = int(value)
    return found


def folder(text: str) -> Path:
    """An absolute path; a relative one starts at the project's folder, whoever calls from where."""
    return (BASE_DIR / Path(text).expanduser()).resolve()


LOG_LEVEL = (env.str("AUTOPACK_LOG_LEVEL", default="") or "WARNING").upper()

# --- Where things are -----------------------------------------------------------------------

AUTOPACK_HOME = folder(env.str("AUTOPACK_HOME", default="") or ".autopack")
AUTOPACK_WORKTREE_BASE = folder(
    env.str("AUTOPACK_WORKTREE_BASE", default="")
    or env.str("WORKTREE_BASE", default="")
    or str(Path(tempfile.gettempdir()) / "autopack_worktrees")
)
SOURCE_REPO = env.str("SOURCE_REPO", default="")
AUTOPACK_API_URL = env.str("AUTOPACK_API_URL", default="http://127.0.0.1:8000")
AUTOPACK_API_KEY = env.str("AUTOPACK_API_KEY", default="")
# How often run_parallel looks at a run on a server, in seconds.
AUTOPACK_API_POLL_SECONDS = number("AUTOPACK_API_POLL_SECONDS", default=5.0)
AUTOPACK_EVAL_DIR = folder(env.str("AUTOPACK_EVAL_DIR", default="") or "../shared/eval")

# --- Features, opt-in: a run stores the flags it started with --------------------------------

AUTOPACK_FLAGS = {
    "intention_context": flag("AUTOPACK_ENABLE_INTENTION_CONTEXT", default=False),
    "failure_hardening": flag("AUTOPACK_ENABLE_FAILURE_HARDENING", default=False),
    "telemetry_db": flag("TELEMETRY_DB_ENABLED", default=False),
}

# --- Execution --------------------------------------------------------------------------------

# auto, bubblewrap or none; checked by runs.checks.
AUTOPACK_SANDBOX = env.str("AUTOPACK_SANDBOX", default="auto").strip().lower()

# What a child process may inherit: what programs need to run at all, never a secret of ours.
CHILD_ENVIRONMENT_NAMES = (
    "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
    # Where packages come from is the machine's setting; it is given to installs only.
    "PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE",
    "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX",
    "NPM_CONFIG_REGISTRY", "NPM_CONFIG_USERCONFIG", "GOPROXY", "GOFLAGS", "CARGO_HOME",
    "RUSTUP_HOME", "JAVA_HOME", "MAVEN_OPTS",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    # Windows does not start most programs without these.
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "PROGRAMFILES",
    "NUMBER_OF_PROCESSORS",
)  # fmt: skip
AUTOPACK_CHILD_ENVIRONMENT = {
    name: os.environ[name] for name in CHILD_ENVIRONMENT_NAMES if name in os.environ
}
# All of it, secrets included: for processes that are Autopack's own (run_parallel's execute_run).
AUTOPACK_SECRET_ENVIRONMENT = dict(os.environ)
# The home of the user who runs Autopack: toolchains installed there are offered read-only.
AUTOPACK_USER_HOME = Path.home()

# Leases: how long a worker may be silent, how often it speaks, and the patience of recovery.
# Numbers from docs/architecture.md, "Leases"; tests shorten them.
AUTOPACK_LEASE_SECONDS = number("AUTOPACK_LEASE_SECONDS", default=60.0)
AUTOPACK_BEAT_SECONDS = number("AUTOPACK_BEAT_SECONDS", default=15.0)
AUTOPACK_GRACE_SECONDS = number("AUTOPACK_GRACE_SECONDS", default=30.0)
AUTOPACK_HOST = env.str("AUTOPACK_HOST", default="") or socket.gethostname()

# How long the end of every attempt is kept under refs/autopack before prune_worktrees drops it.
AUTOPACK_RETENTION_DAYS = int(number("AUTOPACK_RETENTION_DAYS", default=30))

# The longest pause before a mitigation tries again what a network or a lock made fail.
AUTOPACK_MITIGATION_WAIT_SECONDS = number("AUTOPACK_MITIGATION_WAIT_SECONDS", default=60.0)
# What a Doctor call is taken to cost until there was one: a failing section of 4,000 characters
# (1,000 tokens), the phase and its change (1,500), an answer (500).
AUTOPACK_DOCTOR_TOKENS = whole_number("AUTOPACK_DOCTOR_TOKENS", default=3000)

# Where mine_patterns finds failures that no pattern knew; hardening itself knows no runs.
AUTOPACK_MINED_FAILURES = "runs.mined.failures_mined"

# --- Django -----------------------------------------------------------------------------------

DEBUG = flag("DJANGO_DEBUG", default=False)
SECRET_KEY = env.str("DJANGO_SECRET_KEY", default="") or read_or_make_secret_key(AUTOPACK_HOME)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

INSTALLED_APPS = [
    # Simple: the admin modules are looked for by urls.py, so that commands start without them.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "runs",
    "hardening",
    "intentions",
    "telemetry",
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]  # fmt: skip

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # Static files are served by the web process itself, straight from the packages.
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "autopack_site.urls"
WSGI_APPLICATION = "autopack_site.wsgi.application"
ASGI_APPLICATION = "autopack_site.asgi.application"

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

# --- Database ---------------------------------------------------------------------------------

SQLITE_OPTIONS = {
    # Write locks are waited for, not failed on: IMMEDIATE takes them when a transaction begins,
    # so none is upgraded half-way (the cause of "database is locked").
    "timeout": 20,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
}

if env.str("DATABASE_URL", default=""):
    DATABASES = {"default": env.db_url("DATABASE_URL")}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": AUTOPACK_HOME / "db.sqlite3",
        }
    }
DATABASES["default"]["ATOMIC_REQUESTS"] = False
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, so that threads of one test process can share it.
    DATABASES["default"].setdefault("TEST", {})["NAME"] = AUTOPACK_HOME / "test.sqlite3"
    DATABASES["default"].setdefault("OPTIONS", {}).update(SQLITE_OPTIONS)
    # Threads that answer requests keep theirs: opening one costs more than most queries.
    DATABASES["default"].update(CONN_MAX_AGE=600)
else:
    DATABASES["default"].update(CONN_MAX_AGE=600, CONN_HEALTH_CHECKS=True)
AUTOPACK_HOME.mkdir(parents=True, exist_ok=True, mode=0o700)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Workers: a message is a wake-up; the row with its lease is the truth -----------------------

AUTOPACK_WORKERS = whole_number("AUTOPACK_WORKERS", default=min(4, os.cpu_count() or 1), least=1)
# Phases at the same time, at most; 0: as many as there are workers.
AUTOPACK_MAX_PHASES = whole_number("AUTOPACK_MAX_PHASES", default=0)
AUTOPACK_MAX_PHASES_PER_PROJECT = whole_number("AUTOPACK_MAX_PHASES_PER_PROJECT", default=0)
AUTOPACK_MAX_PHASES_PER_RUN = whole_number("AUTOPACK_MAX_PHASES_PER_RUN", default=0)
AUTOPACK_BACKEND_LIMITS = limits("AUTOPACK_BACKEND_LIMITS")
# How often recovery looks, and how long a node that stops lets its phases go on.
AUTOPACK_RECOVERY_SECONDS = number("AUTOPACK_RECOVERY_SECONDS", default=10.0)
AUTOPACK_DRAIN_SECONDS = number("AUTOPACK_DRAIN_SECONDS", default=120.0)
REDIS_URL = env.str("REDIS_URL", default="")
# Set by `serve` and `worker` for the processes below them: which node they work for.
AUTOPACK_NODE = env.str("AUTOPACK_NODE", default="")

Q_CLUSTER = {
    "name": "autopack",  # also the salt of signed messages: never change it
    "cluster_name": "phases",
    "workers": AUTOPACK_WORKERS,
    "queue_limit": 1,
    "bulk": 1,
    # Backstops only: phases end by their own limits. retry counts from the moment a message is
    # taken off the queue, so it must exceed timeout * (1 + ceil((queue_limit + 1) / workers)).
    "timeout": 14_400,
    "retry": 50_400,
    "ack_failures": True,
    "max_attempts": 1,
    "save_limit": -1,
    "recycle": 50,
    "max_rss": 600_000,
    "guard_cycle": 1,
    "catch_up": False,
    "scheduler": False,
    "daemonize_workers": True,
    "compress": False,
    "log_level": LOG_LEVEL,
    # Its status page is not used: nothing need be written every second.
    "cache": "q2",
    # Redis when there is one, else the database, woken by a bell.
    **(
        {"redis": REDIS_URL, "broker_class": "runs.queue.redis_broker.PatientRedis"}
        if REDIS_URL
        else {"orm": "default", "broker_class": "runs.queue.broker.BellBroker"}
    ),
}
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "q2": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
}

# --- Language, time, files ----------------------------------------------------------------------

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
STATIC_URL = "static/"
# No collectstatic: what the installed packages bring is looked up once, when the server starts.
WHITENOISE_USE_FINDERS = True

# --- The API --------------------------------------------------------------------------------------

# Requests a minute of one key (or person); 0: no limit.
AUTOPACK_API_RATE = number("AUTOPACK_API_RATE", default=1200)
# A larger body is refused before it is read to its end.
AUTOPACK_API_BODY_BYTES = int(number("AUTOPACK_API_BODY_BYTES", default=4_000_000))
# Requests answered at the same time; each has a database connection of its own.
AUTOPACK_WEB_THREADS = int(number("AUTOPACK_WEB_THREADS", default=8))

CSRF_FAILURE_VIEW = "autopack_site.api.errors.csrf_failure"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "autopack_site.api.authentication.KeyAuthentication",
        "autopack_site.api.authentication.PersonAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["autopack_site.api.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["autopack_site.api.throttling.CallerThrottle"],
    "DEFAULT_PARSER_CLASSES": ["autopack_site.api.parsing.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "autopack_site.api.parsing.JSONAnyway",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "autopack_site.api.schema.CallSchema",
    "EXCEPTION_HANDLER": "autopack_site.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Autopack",
    "DESCRIPTION": "Plans become verified git branches.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "PREPROCESSING_HOOKS": ["autopack_site.api.schema.only_documented"],
    "POSTPROCESSING_HOOKS": ["autopack_site.api.schema.completed"],
    "ENABLE_DJANGO_DEPLOY_CHECK": False,
}

# --- Logging: each line knows its run, phase and attempt -----------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"correlation": {"()": "runs.logs.CorrelationFilter"}},
    "formatters": {
        "line": {
            "format": "{asctime} {levelname} {name} "
            "[run={run} phase={phase} attempt={attempt}] {message}",
            "style": "{",
        }
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "stream": sys.stderr,
            "filters": ["correlation"],
            "formatter": "line",
        }
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # State changes have a logger of their own, so that they can be kept when all else is quiet.
    "loggers": {"autopack.lifecycle": {"level": LOG_LEVEL}},
}

if LOG_LEVEL not in logging.getLevelNamesMapping():
    raise ImproperlyConfigured(
        f"AUTOPACK_LOG_LEVEL is {LOG_LEVEL!r}. Write DEBUG, INFO, WARNING, ERROR or CRITICAL."
    )

# --- Behind a proxy that ends TLS -----------------------------------------------------------------

# The proxy must set X-Forwarded-Proto itself and drop one that a client sends.
AUTOPACK_BEHIND_TLS = flag("AUTOPACK_BEHIND_TLS", default=False)
if AUTOPACK_BEHIND_TLS and not DEBUG:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    # Probes come from inside, not through the proxy.
    SECURE_REDIRECT_EXEMPT = [r"^(health|ready)$"]
    SECURE_HSTS_SECONDS = 30 * 24 * 3600
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    # Whether other hosts of the domain speak TLS too, and whether browsers should know beforehand,
    # is not ours to decide: HSTS of subdomains and preloading stay off.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
