"""The YAML between `---` lines at the top of a Markdown file."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from runs.planning.formats.cleaning import clean_value

MAX_FRONT_CHARS = 50_000

_FRONT = re.compile(r"\s{0,20}---[ \t]*\n")


class _Loader(yaml.SafeLoader):
    """Without aliases: a few lines of them can stand for gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def yaml_load(text: str) -> object:
    """The value in a YAML text. Raises `yaml.YAMLError`; also for what Python cannot hold."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with less
    except (ValueError, RecursionError, OverflowError) as error:
        raise yaml.YAMLError(str(error)) from error


def split_front(text: str) -> tuple[Mapping[str, object], str]:
    """The front matter and the text with its lines blanked; ({}, text) when there is none."""
    opened = _FRONT.match(text)
    if not opened:
        return {}, text
    end = re.compile(r"^(?:---|\.\.\.)[ \t]*$", re.M).search(
        text, opened.end(), opened.end() + MAX_FRONT_CHARS
    )
    if not end:
        return {}, text
    try:
        value = yaml_load(text[opened.end() : end.start()])
    except yaml.YAMLError:
        return {}, text
    value = clean_value(value)
    if not isinstance(value, dict):
        return {}, text
    blank = "\n" * text.count("\n", 0, end.end())
    return {str(key).lower(): entry for key, entry in value.items()}, blank + text[end.end() :]
