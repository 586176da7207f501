#!/usr/bin/env python
"""Django's command line for Autopack."""

import gc
import os
import sys


def main() -> None:
    # Nothing that is made while starting is garbage, and looking for some takes a sixth of the
    # time. RunsConfig.ready() switches it on again.
    gc.disable()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autopack_site.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ImportError as error:
        message = (
            "Django is not installed for this Python. Run `make install`, or "
            "`python -m pip install -r requirements.txt` inside a virtual environment."
        )
        raise SystemExit(message) from error
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # It names the variable and what may be in it; where in the code it was read helps nobody.
        raise SystemExit(f"Autopack cannot start: {error}") from None


if __name__ == "__main__":
    main()
