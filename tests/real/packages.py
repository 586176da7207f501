"""Three published packages, and what is to be done to each: plans against their real files."""

from __future__ import annotations

import difflib
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

# What one of these takes from the registry: the archive, and build tools for its metadata.
DOWNLOAD_SECONDS = 180


class RegistryUnreachable(Exception):
    """Nothing could be downloaded; the message is the end of what pip said."""


@dataclass(frozen=True)
class Edit:
    """`old` of a file becomes `new` (an empty `old`: `new` goes to its end)."""

    path: str
    old: str
    new: str

    def patch(self, root: Path) -> str:
        """The edit as a unified diff against the file as it was published."""
        text = (root / self.path).read_text(encoding="utf-8")
        assert self.old in text, f"{self.path} is not what this test was written against"
        edited = text.replace(self.old, self.new, 1) if self.old else text + self.new
        lines = difflib.unified_diff(
            text.splitlines(keepends=True), edited.splitlines(keepends=True),
            f"a/{self.path}", f"b/{self.path}",
        )  # fmt: skip
        return "".join(lines)


@dataclass(frozen=True)
class Package:
    """A source distribution, and the edits of its three phases; tests come after the code.

    `wrong` is what the tests expect in their first attempt, instead of `right`.
    """

    name: str
    version: str
    code: Edit
    tests: Edit
    words: Edit
    right: str
    wrong: str

    def plan(self, root: Path) -> dict[str, Any]:
        """No validation commands: what the toolchain finds is what validates."""
        right = self.tests.patch(root)
        assert self.right in right
        wrong = right.replace(self.right, self.wrong)
        return {
            "schema_version": 1,
            "goal": f"Give {self.name} one more function",
            "phases": [
                _phase("code", "Add the function", self.code, {"patch": self.code.patch(root)}),
                _phase("words", "Tell people of it", self.words, {"patch": self.words.patch(root)}),
                _phase(
                    "tests", "Test the function", self.tests,
                    {"patch": wrong, "attempts": [1]}, {"patch": right, "attempts": [2, 3]},
                    depends_on=["code"],
                ),
            ],
        }  # fmt: skip


def _phase(
    key: str, title: str, edit: Edit, *patches: dict[str, Any], **more: Any
) -> dict[str, Any]:
    steps = [{"kind": "apply_patch", **patch} for patch in patches]
    return {
        "id": key,
        "title": title,
        "scope": {"modify": [edit.path]},
        "deliverables": [edit.path],
        "builder": {"backend": "recipe", "steps": steps},
        **more,
    }


INICONFIG = Package(
    name="iniconfig",
    version="2.3.1",
    code=Edit(
        "src/iniconfig/__init__.py",
        "",
        "\n    def section_names(self) -> list[str]:\n"
        '        """The names of all sections, in the order of the file."""\n'
        "        return [section.name for section in self]\n",
    ),
    tests=Edit(
        "testing/test_iniconfig.py",
        "",
        "\n\ndef test_section_names() -> None:\n"
        '    config = IniConfig("x.ini", data="[b]\\nx = 1\\n[a]\\ny = 2\\n")\n'
        '    assert config.section_names() == ["b", "a"]\n',
    ),
    words=Edit(
        "CHANGELOG", "2.3.1\n=====\n", "Next\n=====\n\n* add ``section_names``\n\n2.3.1\n=====\n"
    ),
    right='["b", "a"]',
    wrong='["a", "b"]',
)
ITSDANGEROUS = Package(
    name="itsdangerous",
    version="2.2.0",
    code=Edit(
        "src/itsdangerous/encoding.py",
        "",
        "\n\ndef is_base64(s: str | bytes) -> bool:\n"
        '    """Whether every byte is of the URL-safe alphabet."""\n'
        "    return not set(want_bytes(s)) - set(_base64_alphabet)\n",
    ),
    tests=Edit(
        "tests/test_itsdangerous/test_encoding.py",
        "",
        "\n\n@pytest.mark.parametrize(\n"
        '    ("value", "expect"), (("abc-_", True), (b"a b", False), ("é", False))\n)\n'
        "def test_is_base64(value, expect):\n"
        "    from itsdangerous.encoding import is_base64\n\n"
        "    assert is_base64(value) is expect\n",
    ),
    words=Edit(
        "CHANGES.rst",
        "Version 2.2.0\n",
        "Unreleased\n----------\n\n-   Add ``is_base64``.\n\n\nVersion 2.2.0\n",
    ),
    right='(b"a b", False)',
    wrong='(b"a b", True)',
)
TOOLZ = Package(
    name="toolz",
    version="1.2.0",
    code=Edit(
        "toolz/itertoolz.py",
        "",
        '\n\ndef ends(seq):\n    """The first and the last element of a sequence.\n\n'
        "    >>> ends('ABC')\n    ('A', 'C')\n    \"\"\"\n"
        "    return first(seq), last(seq)\n",
    ),
    tests=Edit(
        "toolz/tests/test_itertoolz.py",
        "",
        "\n\ndef test_ends():\n    from toolz.itertoolz import ends\n\n"
        "    assert ends([1, 2, 3]) == (1, 3)\n",
    ),
    words=Edit(
        "README.rst",
        "LICENSE\n-------\n",
        "``ends`` gives both ends of a sequence.\n\nLICENSE\n-------\n",
    ),
    right="== (1, 3)",
    wrong="== (3, 1)",
)  # fmt: skip
PACKAGES = (INICONFIG, ITSDANGEROUS, TOOLZ)


def downloaded(package: Package, folder: Path) -> Path:
    """Download and unpack a package's source distribution. Raises RegistryUnreachable."""
    archives = folder / f"{package.name}-archive"
    pip = subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-binary", ":all:", "--no-deps",
            "--disable-pip-version-check", "--dest", str(archives),
            f"{package.name}=={package.version}",
        ],
        capture_output=True, text=True, timeout=DOWNLOAD_SECONDS,
    )  # fmt: skip
    if pip.returncode:
        raise RegistryUnreachable(pip.stderr[-500:])
    (archive,) = archives.glob("*.tar.gz")
    with tarfile.open(archive) as contents:
        contents.extractall(archives, filter="data")
    (unpacked,) = (entry for entry in archives.iterdir() if entry.is_dir())
    return unpacked.rename(folder / package.name)
