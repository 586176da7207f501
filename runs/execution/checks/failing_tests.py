"""Names of failed tests, read from the output of the usual runners when there is no JUnit file.

Best effort by nature: what it gives is compared with what it gives for the same command at the
base, so that a name need not be perfect, only the same both times.
"""

import re
from typing import Final

from runs.execution.checks.failing_section import plain_lines

MAX_NAMES: Final = 2000
_NAME_CHARS: Final = 300

_LINE: Final = re.compile(
    r"""(?:FAILED|ERROR)\ (?P<pytest>[^\s:]{1,250}(?:\.py$|\.py(?=\ -\ )|::(?:(?!\ -\ ).){1,250}))
      | (?:FAIL|ERROR):\ (?P<unittest>\w{1,150}\ \([^)]{1,250}\)[^\n]{0,150})
      | \s{0,40}---\ FAIL:\ (?P<go>\S{1,250})
      | FAIL\t(?P<package>\S{1,250})(?P<build>\ \[(?:build|setup)\ failed\])?
      | test\ (?P<cargo>\S{1,250})\ \.\.\.\ FAILED
      | \s{0,10}●\ (?P<jest>[^\u203a]{1,250}\u203a[^\n]{1,250})
      | \s{0,10}(?:FAIL|\u00d7)\ \ ?(?P<vitest>\S{1,250}\ >\ [^\n]{1,250})
      | \s{0,40}(?:✕|✗|✖)\ (?P<cross>[^\n(]{1,250})
      | \s{2,40}\d{1,5}\)\ (?P<mocha>[^\n]{1,250})
      | \s{0,40}not\ ok\ \d{1,7}\ -?\ ?(?P<tap>[^\n#]{1,250})
      | \[ERROR\]\ {1,4}(?P<maven>[\w.$]{1,200}\.\w{1,150}):\d{1,7}\b
      | (?P<gradle>[\w.$]{1,200}\ >\ [^\n]{1,200})\ FAILED$
      | \d{1,5}\)\ (?P<phpunit>[\w\\]{1,200}::\w{1,150})
      | rspec\ (?P<rspec>\./[^\s:]{1,250})
    """,
    re.VERBOSE,
)


def failing_test_names(output: str) -> tuple[str, ...]:
    """The names of failed tests in the order of the output, each once, at most MAX_NAMES."""
    names: dict[str, None] = {}
    go_names: list[str] = []
    for line in plain_lines(output):
        if len(names) >= MAX_NAMES:
            break
        found = _LINE.match(line[:_NAME_CHARS])
        if found is None:
            continue
        if found["go"]:
            go_names.append(found["go"])
        elif found["package"]:
            # go prints a package after its tests, and a package line for itself at the end.
            package = found["package"]
            names.update(dict.fromkeys(f"{package}.{name}" for name in go_names))
            if found["build"] or not go_names:
                names[package] = None
            go_names.clear()
        else:
            names[next(name for name in found.groups() if name).strip()] = None
    names.update(dict.fromkeys(go_names))
    return tuple(names)[:MAX_NAMES]
