"""A text before it is parsed: one kind of line end, one kind of bullet, no invisible characters.

Line by line and never changing their number, so that line numbers stay those of the author.
"""

import re
import unicodedata

MAX_TEXT_CHARS = 1_000_000
MAX_VALUE_DEPTH = 40

_FENCE = re.compile(r"[ \t]{0,12}(`{3,}|~{3,})")
_BULLET = re.compile(
    r"([ \t]*(?:>[ \t]?)?)(?:[•◦‣▪▫▸►●○∙·–—➤➜→■□◆]\s+(?=\S)|(?=(?:✅|✔|✓|❌|🚧|⏳|⚠️|🔲|"
    r"🔴|🟡|🟢)))"
)
_BOX = re.compile(
    r"([ \t]*)(?:(?:[-*+•]|\d{1,4}[.)])[ \t]+)?(?:(☐|⬜|◻|🔲|\[[ ]?\](?!\())|(☑|☒|"
    r"\[[xX✓✔]\](?!\()))[ \t]+(?=\S)"
)
_ENUMERATED = re.compile(r"([ \t]*)(?:[((]?(\d{1,3})[、))．:](?!\d)[ \t]*)(?=[^\s\d/])")
# 1.1, 1.2 at the start of lines in a row: a list, though not one of Markdown.
_DOTTED = re.compile(r"([ \t]{0,12})(\d{1,3}(?:\.\d{1,3}){1,4}\.?[ \t]+)(?=[^\W\d])")
# Old files have the letter o for a bullet.
_LETTER_O = re.compile(r"([ \t]{0,12})o[ \t]+(?=\S)")
MIN_LETTERS = 3
MIN_RULE = 4
_COMMENT_MAX = 20_000
_TAGS = re.compile(
    r"</?(?:details|summary|br|p|div|sub|sup|b|i|u|strong|em|kbd|"
    r"center)\b[^<>\n]{0,200}>",
    re.I,
)


def clean(text: str) -> str:
    """`text` with `\\n` line ends and Markdown bullets; control characters become spaces."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = _without_comments(clean_string(text)).split("\n")
    return "\n".join(_bullets(_underlined(lines)))


def clean_string(text: str) -> str:
    """`text` without characters that no plan may hold: controls, halves of surrogate pairs."""
    return _without_controls(text.encode("utf-8", "replace").decode("utf-8"))


def clean_value(value: object, depth: int = 0) -> object:
    """A parsed value with its strings cleaned: escapes can put any character into them.

    What nests deeper than any plan does becomes None.
    """
    if isinstance(value, str):
        return clean_string(value)
    if depth >= MAX_VALUE_DEPTH:
        return None
    if isinstance(value, list):
        return [clean_value(entry, depth + 1) for entry in value]
    if isinstance(value, dict):
        return {clean_value(k, depth + 1): clean_value(v, depth + 1) for k, v in value.items()}
    return value


def _without_controls(text: str) -> str:
    odd: dict[str, str | int | None] = {
        char: " "
        for char in set(text)
        if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
    }
    odd |= dict.fromkeys("\u00a0\u202f\u3000", " ") | dict.fromkeys("\u200b\ufeff\u2060", "")
    return text.translate(str.maketrans(odd))


def _without_comments(text: str) -> str:
    """HTML comments out, the lines that they were on kept."""
    if "<!--" not in text:
        return text
    parts: list[str] = []
    position = 0
    while (start := text.find("<!--", position)) >= 0:
        end = text.find("-->", start, start + _COMMENT_MAX)
        if end < 0:
            break
        parts.append(text[position:start])
        parts.append("\n" * text.count("\n", start, end))
        position = end + 3
    parts.append(text[position:])
    return "".join(parts)


def _underlined(lines: list[str]) -> list[str]:
    """reStructuredText's other underlines ("~~~~", as long as the line above) as headings."""
    found = list(lines)
    for number in range(1, len(lines)):
        rule, title = lines[number].rstrip(), lines[number - 1].rstrip()
        is_rule = len(rule) >= MIN_RULE and rule[0] in '~^"+#*' and not rule.strip(rule[0])
        is_alone = number == 1 or not lines[number - 2].strip()
        if is_rule and is_alone and title[:1].isalnum() and 0 <= len(rule) - len(title) <= 1:
            found[number - 1], found[number] = f"### {title}", ""
    return found


def _bullets(lines: list[str]) -> list[str]:
    """Other bullets and boxes as Markdown's, outside fences."""
    fence = ""
    found: list[str] = []
    if sum(bool(_LETTER_O.match(line)) for line in lines) >= MIN_LETTERS:
        lines = [_LETTER_O.sub(r"\1- ", line) for line in lines]
    dotted = [bool(_DOTTED.match(line)) for line in lines]
    for number, line in enumerate(lines):
        opened = _FENCE.match(line)
        if fence:
            if opened and opened[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif opened:
            fence = opened[1]
        else:
            if dotted[number] and sum(dotted[max(0, number - 1) : number + 2]) > 1:
                line = _DOTTED.sub(r"\1- \2", line, count=1)  # noqa: PLW2901 - the line as it goes on
            line = _bullet(line)  # noqa: PLW2901 - the line as it goes on
        found.append(line)
    return found


def _bullet(line: str) -> str:
    if "<" in line:
        line = _TAGS.sub("", line)
    if box := _BOX.match(line):
        return f"{box[1]}- [{' ' if box[2] else 'x'}] {line[box.end() :]}"
    if bullet := _BULLET.match(line):
        return f"{bullet[1]}- {line[bullet.end() :]}"
    if number := _ENUMERATED.match(line):
        return f"{number[1]}{number[2]}. {line[number.end() :]}"
    return line
