"""Commands called in this process: what they print, and the code they exit with."""

from __future__ import annotations

import io
from dataclasses import dataclass

from django.core.management import call_command
from django.core.management.base import CommandError


@dataclass(frozen=True, slots=True)
class Called:
    code: int
    output: str
    errors: str


def call(name: str, *arguments: object) -> Called:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(name, *map(str, arguments), stdout=out, stderr=err)
    except CommandError as error:
        return Called(error.returncode, out.getvalue(), str(error))
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
        return Called(code, out.getvalue(), err.getvalue())
    return Called(0, out.getvalue(), err.getvalue())
