"""Strict fields of input: JSON's own types and no others, and no names that nobody knows.

REST framework takes "12" for a number and 12 for a text. A client that sends those is wrong, and
is told so; then what the OpenAPI document says is what is true.
"""

from __future__ import annotations

import math
import re
from typing import Any

from rest_framework import serializers

from runs.api.endpoint import unknown_fields

MAX_INTEGER = 2**63 - 1
MIN_INT32, MAX_INT32 = -(2**31), 2**31 - 1


class Text(serializers.CharField):
    """A JSON string (REST framework also refuses NUL and lone surrogates)."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """A JSON number without a fraction."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float) and math.isfinite(data) and data.is_integer():
            data = int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class Number(serializers.FloatField):
    """A JSON number; JSON has no NaN and no infinity."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        try:
            value = float(data)
        except OverflowError:
            self.fail("invalid")
        if not math.isfinite(value):
            self.fail("invalid")
        return value


class YesNo(serializers.BooleanField):
    """true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


# --- Parameters of URLs, which are texts -------------------------------------------------------

_DIGITS = re.compile(r"-?[0-9]{1,20}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class WholeText(serializers.IntegerField):
    """Digits, and nothing that Python reads as a number besides (1_0, 1.0, other scripts)."""

    def to_internal_value(self, data: Any) -> int:
        if not _DIGITS.fullmatch(str(data)):
            self.fail("invalid")
        return int(data)


class Moment(serializers.DateTimeField):
    """A time as RFC 3339 writes it, with its offset."""

    def to_internal_value(self, data: Any) -> Any:
        if not _MOMENT.fullmatch(str(data)):
            self.fail("invalid", format="2026-01-31T12:00:00Z")
        return super().to_internal_value(data)


class Identifier(serializers.RegexField):
    """What can be the id of a run or the name of a project."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", trim_whitespace=False, **kwargs)


class Strict(serializers.Serializer[Any]):
    """Input in which every name is known."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = unknown_fields(data, self.fields)
            if unknown:
                raise serializers.ValidationError(unknown, code="unknown_field")
        return super().to_internal_value(data)
