"""todo.txt files: a task a line, "(A) 2024-01-02 Call the bank @phone +home", "x" when done."""

import re

_LINE = re.compile(
    r"^(?:(x) (?:\d{4}-\d\d-\d\d ){0,2}|\(([A-Z])\) (?:\d{4}-\d\d-\d\d )?|"
    r"\d{4}-\d\d-\d\d )(\S.*)$"
)
_TAG = re.compile(r"(?:^|\s)(?:[+@]\w\S*|\w+:\d{4}-\d\d-\d\d)(?=\s|$)")
MIN_LINES = 2


def todo_txt_to_markdown(text: str) -> str:
    """The same lines as check boxes; the text itself when it is no such file."""
    lines = text.split("\n")
    filled = [line for line in lines if line.strip()]
    matched = sum(bool(_LINE.match(line)) for line in filled)
    if matched < MIN_LINES or matched * 10 < len(filled) * 6:
        return text
    return "\n".join(_box(line) for line in lines)


def _box(line: str) -> str:
    if not line.strip():
        return line
    match = _LINE.match(line)
    is_done = bool(match and match[1])
    said = _TAG.sub("", match[3] if match else line)
    return f"- [{'x' if is_done else ' '}] {said}"
