"""One strict parser for flags, so that a misspelt variable stops the start instead of a run."""

from django.core.exceptions import ImproperlyConfigured

TRUE_WORDS = frozenset({"true", "1", "yes", "on"})
FALSE_WORDS = frozenset({"false", "0", "no", "off"})


def parse_flag(name: str, text: str) -> bool:
    """Read a flag as people write it: true/1/yes/on or false/0/no/off, in any case.

    Raises ImproperlyConfigured, naming the variable, for anything else (an empty text included).
    """
    word = text.strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ImproperlyConfigured(
        f"{name} is {text!r}, which is neither true nor false. "
        "Write true, 1, yes or on; or false, 0, no or off."
    )
