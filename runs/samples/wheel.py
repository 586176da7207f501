"""The one package that the sample declares and that nothing installs by itself: a wheel of one
module, built here, so that installing it needs no index and no network."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAME, VERSION = "tally-stopwords", "1.0"
_MODULE = '''"""Words that say little about what a text is about."""

ENGLISH = frozenset("a an and are as at be by for in is it of on or that the to was with".split())
'''
# Of every file in it: the same wheel each time, bit by bit. (A zip file knows no earlier date.)
_DATE = (1980, 1, 1, 0, 0, 0)


def wheel_write(folder: Path) -> Path:
    """Build the wheel in `folder`, which is made; the wheel's path."""
    module = NAME.replace("-", "_")
    info = f"{module}-{VERSION}.dist-info"
    files = {
        f"{module}.py": _MODULE,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n",
        f"{info}/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: autopack\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = f"{info}/RECORD"
    files[record] = "".join(f"{path},,\n" for path in (*files, record))
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{module}-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path, _DATE), content)
    return wheel
