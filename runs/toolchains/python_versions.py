"""Which Python versions a project accepts: PEP 440 sets and Poetry's carets, of releases only."""

import re

Version = tuple[int, ...]

_CLAUSE = re.compile(r"(===|==|~=|!=|<=|>=|<|>|\^|~)?\s*v?(\d{1,6}(?:\.\d{1,6}){0,4})(\.\*)?")
_TEXT_MAX = 500


def version_parse(text: str) -> Version | None:
    """The release numbers at the start of `text` ("3.12.1" is (3, 12, 1)); None without any."""
    match = re.match(r"\s*(\d{1,6}(?:\.\d{1,6}){0,4})", text)
    return tuple(int(part) for part in match[1].split(".")) if match else None


def version_fits(version: Version, wanted: str) -> bool:
    """Whether `version` satisfies `wanted` (">=3.9,<4", "^3.11", "3.9 || 3.10"); "" accepts all.

    A clause that cannot be read accepts everything: an installer will judge it again.
    """
    return any(
        all(_clause_fits(version, clause) for clause in alternative.split(","))
        for alternative in wanted[:_TEXT_MAX].split("||")
    )


def poetry_to_pep440(wanted: str) -> str:
    """Poetry's version constraint as a PEP 440 one: "^1.2" is ">=1.2,<2", "~1.2" ">=1.2,<1.3"."""
    return ",".join(filter(None, (_pep440(c.strip()) for c in wanted[:_TEXT_MAX].split(","))))


def _pep440(clause: str) -> str:
    match = _CLAUSE.fullmatch(clause)
    if match is None:
        return "" if clause in {"*", ""} else clause
    operator, text, star = match[1] or "==", match[2], match[3] or ""
    lower = tuple(int(part) for part in text.split("."))
    if operator == "^":
        return f">={text},<{_text(_caret_end(lower))}"
    if operator == "~":
        return f">={text},<{_text(_next(lower, min(len(lower), 2)))}"
    return f"{operator}{text}{star}"


def _clause_fits(version: Version, clause: str) -> bool:
    match = _CLAUSE.fullmatch(clause.strip())
    if match is None:
        return True
    operator, wanted = match[1] or "==", tuple(int(part) for part in match[2].split("."))
    if match[3] or (operator == "==" and match[1] is None):
        is_same = _padded(version, len(wanted))[: len(wanted)] == wanted
        return not is_same if operator == "!=" else is_same
    return _compared(version, operator, wanted)


def _compared(version: Version, operator: str, wanted: Version) -> bool:
    length = max(len(version), len(wanted))
    here, there = _padded(version, length), _padded(wanted, length)
    if operator == "^":
        return there <= here < _padded(_caret_end(wanted), length)
    if operator == "~":
        return there <= here < _padded(_next(wanted, min(len(wanted), 2)), length)
    if operator == "~=":
        return there <= here < _padded(_next(wanted, max(len(wanted) - 1, 1)), length)
    return {
        "==": here == there,
        "===": here == there,
        "!=": here != there,
        "<=": here <= there,
        ">=": here >= there,
        "<": here < there,
        ">": here > there,
    }[operator]


def _padded(version: Version, length: int) -> Version:
    return version + (0,) * (length - len(version))


def _next(version: Version, kept: int) -> Version:
    """The first version after all those that share the first `kept` numbers."""
    return (*version[: kept - 1], version[kept - 1] + 1)


def _caret_end(version: Version) -> Version:
    leading = next((i for i, part in enumerate(version) if part), len(version) - 1)
    return _next(version, leading + 1)


def _text(version: Version) -> str:
    return ".".join(str(part) for part in version)
