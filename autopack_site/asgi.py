"""ASGI entry point: what `serve` runs, and any ASGI server may."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autopack_site.settings")
django.setup(set_prefix=False)

from autopack_site.asgi_handler import ThreadedASGIHandler  # noqa: E402 (settings come first)

application = ThreadedASGIHandler()
