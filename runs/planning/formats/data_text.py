"""Texts that are JSON, JSON Lines or YAML: whether they are, and their value."""

import json
import re

import yaml

from runs.planning.formats.front_matter import yaml_load

MAX_YAML_CHARS = 200_000


class DataInvalid(ValueError):
    """The text is JSON by its look but cannot be parsed; the message says where."""


def parse_data(text: str, file_name: str) -> object | None:
    """The value of a JSON, JSON Lines or YAML text; None when it is none. Raises `DataInvalid`."""
    bare = text.strip()
    if bare[:1] in ("{", "["):
        return _json(bare)
    name = file_name.lower()
    if name.endswith((".yml", ".yaml")) or _looks_like_yaml(bare):
        try:
            value = yaml_load(bare) if len(bare) <= MAX_YAML_CHARS else None
        except yaml.YAMLError:
            return None
        return value if isinstance(value, dict | list) else None
    return None


def _json(text: str) -> object | None:
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        if (lines := _json_lines(text)) is not None:
            return lines
        # "[ ] task" and "[link](...)" are Markdown; what opens like an object is meant as JSON.
        if re.match(r"[\[{]\s*[\"{]", text) and "\n" in text and text.rstrip()[-1:] in ']},"':
            raise DataInvalid(
                f"{error.msg} at line {error.lineno}, column {error.colno}"
            ) from error
        return None
    except (RecursionError, ValueError) as error:
        raise DataInvalid("it nests too deep or has a number that is too long") from error
    return value


def _json_lines(text: str) -> list[object] | None:
    lines = [line for line in text.split("\n") if line.strip()]
    try:
        values: list[object] = [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        return None
    return values if len(values) > 1 and all(isinstance(v, dict) for v in values) else None


def _looks_like_yaml(text: str) -> bool:
    """Keys that a plan has, on lines of their own, and no Markdown."""
    head = text[:20_000]
    keys = re.search(
        r"^(?:phases|tasks|steps|todos|milestones|plan|goal):[ \t]*(?:$|\S)", head, re.M
    )
    lists = re.search(
        r"^[ \t]{0,8}-[ \t]+(?:title|name|id|task|content|description|step|text):", head, re.M
    )
    return bool(keys and lists and not re.search(r"^#{1,6} \S", head, re.M))
