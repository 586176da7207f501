"""Plain django-q2 on a SQLite file that is set up as ours is: two workers, save_limit 0."""

import os
from pathlib import Path

FOLDER = Path(os.environ["Q2_FOLDER"])
SECRET_KEY = "only for a benchmark"  # noqa: S105
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django_q"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FOLDER / "db.sqlite3",
        "CONN_MAX_AGE": 600,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
        },
    }
}
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
Q_CLUSTER = {
    "name": "bench",
    "orm": "default",
    "workers": 2,
    "timeout": 60,
    "retry": 600,
    "poll": float(os.environ["Q2_POLL"]),
    "save_limit": 0,
    "log_level": "ERROR",
}
