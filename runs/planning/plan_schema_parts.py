"""Pieces of the plan's JSON Schema, and the limits that all of it keeps to."""

from typing import Any

from runs.planning.plan_paths import MAX_PATH_CHARS
from runs.planning.plan_types import Category, Complexity

# Limits against hostile plans: far above what people write, low enough to stay cheap.
MAX_PHASES = 500
MAX_TASKS = 2000  # of one phase, subtasks included
MAX_TASK_DEPTH = 8
MAX_LIST_ENTRIES = 1000
MAX_ARGV = 1000
MAX_LINE_CHARS = 1000
MAX_TEXT_CHARS = 1_000_000
MAX_FILE_CHARS = 5_000_000  # a patch, the content of a file
MAX_COST_USD = 1_000_000
MAX_COUNT = 1_000_000_000
MAX_SECONDS = 7 * 24 * 3600
MAX_ATTEMPTS = 100

Json = dict[str, Any]


def object_schema(
    title: str, description: str, properties: Json, required: list[str] | None = None
) -> Json:
    return {
        "title": title,
        "description": description,
        "type": "object",
        "properties": properties,
        "required": required or [],
        "additionalProperties": False,
    }


def array_schema(title: str, description: str, items: Json, **limits: int) -> Json:
    return {"title": title, "description": description, "type": "array", "items": items, **limits}


def text_schema(title: str, description: str, **limits: int) -> Json:
    bounds = {"maxLength": MAX_TEXT_CHARS} | limits
    return {"title": title, "description": description, "type": "string", **bounds}


def texts_schema(title: str, description: str) -> Json:
    items = {"type": "string", "maxLength": MAX_TEXT_CHARS}
    return array_schema(title, description, items, maxItems=MAX_LIST_ENTRIES)


def paths_schema(title: str, description: str) -> Json:
    items = {"type": "string", "maxLength": MAX_PATH_CHARS}
    return array_schema(title, description, items, maxItems=MAX_LIST_ENTRIES)


def commands_schema(description: str) -> Json:
    item = {
        "description": "A command line without shell features, or a list: program and arguments.",
        "type": ["string", "array"],
        "minLength": 1,
        "maxLength": MAX_TEXT_CHARS,
        "items": {"type": "string", "maxLength": MAX_TEXT_CHARS},
        "minItems": 1,
        "maxItems": MAX_ARGV,
    }
    return array_schema("Validation commands", description, item, maxItems=MAX_LIST_ENTRIES)


def bool_schema(title: str, description: str, *, default: bool | None = False) -> Json:
    known = {} if default is None else {"default": default}
    return {"title": title, "description": description, "type": "boolean", **known}


def count_schema(
    title: str,
    description: str,
    *,
    minimum: int = 0,
    maximum: int = MAX_COUNT,
    null: bool = True,
) -> Json:
    """An integer; null, where allowed, is the server's default."""
    return {
        "title": title,
        "description": description,
        "type": ["integer", "null"] if null else "integer",
        "minimum": minimum,
        "maximum": maximum,
    }


def choice_schema(
    title: str, description: str, choices: type[Category | Complexity], default: str
) -> Json:
    values = [choice.value for choice in choices]
    return {"title": title, "description": description, "enum": values, "default": str(default)}
