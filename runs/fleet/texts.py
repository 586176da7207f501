"""Text from plans, builders and logs, made fit to be shown on one line of a terminal."""

MAX_SHOWN_CHARS = 300


def one_line(text: str, limit: int = MAX_SHOWN_CHARS) -> str:
    """`text` without line ends and control characters (escape sequences), cut to `limit`."""
    cut = text[: limit * 4]
    shown = " ".join("".join(c if c.isprintable() else " " for c in cut).split())
    if len(shown) <= limit and len(cut) == len(text):
        return shown
    return shown[: limit - 3].rstrip() + "..."


def many_lines(text: str, limit: int) -> str:
    """The last `limit` characters of `text`, its lines kept, without control characters."""
    tail = text[-limit:]
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in tail)


def seconds_text(seconds: float) -> str:
    """12.3 s, 4:05 min or 1:02:03 h."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} h"
