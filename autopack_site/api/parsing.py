"""Bodies: JSON and nothing else, bounded in size and depth, strict where parsers disagree."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser

from runs.api.calls import JSON, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rest_framework.renderers import BaseRenderer
    from rest_framework.request import Request

# A plan nests some 20 deep.
MAX_DEPTH = 60


class StrictJSONParser(BaseParser):
    media_type = JSON

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The document. Raises ParseError; Problem when it is too large (413), or has a text that
        no database keeps (422)."""
        del media_type, parser_context
        limit: int = settings.AUTOPACK_API_BODY_BYTES
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise Problem(413, "too_large", f"The body is larger than {limit} bytes.")
        try:
            document = json.loads(raw.decode(), parse_constant=_refuse)
        except UnicodeDecodeError as error:
            raise ParseError(f"The body is not UTF-8 (at byte {error.start}).") from error
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise ParseError(f"The body is no JSON: {error.msg} at {where}.") from error
        except RecursionError as error:
            raise ParseError("The body nests too deep.") from error
        except ValueError as error:
            # A number with thousands of digits: Python's own guard against quadratic time.
            raise ParseError("The body has a number that is too long, or none at all.") from error
        _check(document)
        return document


def _refuse(name: str) -> Any:
    raise ParseError(f"The body has the value {name}, which JSON does not know.")


def _check(document: Any) -> None:
    """No databases' and no encoders' worst cases: too deep, NUL, half of a surrogate pair."""
    stack: list[tuple[Any, int]] = [(document, 0)]
    while stack:
        value, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise ParseError(f"The body nests deeper than {MAX_DEPTH}.")
        if isinstance(value, str):
            _check_text(value)
        elif isinstance(value, list):
            stack.extend((entry, depth + 1) for entry in value)
        elif isinstance(value, dict):
            for key, entry in value.items():
                _check_text(key)
                stack.append((entry, depth + 1))


def _check_text(text: str) -> None:
    if "\0" in text:
        raise Problem(422, "text_invalid", "The body has a text with a NUL character in it.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Problem(
            422, "text_invalid", "The body has a text with half of a surrogate pair in it."
        ) from error


class JSONAnyway(BaseContentNegotiation):
    """Answers have one form, whatever a client says that it would rather have."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        content_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == content_type), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        del request, format_suffix
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)
