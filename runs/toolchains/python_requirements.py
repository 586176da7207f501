"""Reads pip's requirement files into plain lines, so that any installer can be given them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from runs.toolchains.folders import Folder, parent, path_relative, path_resolve
from runs.toolchains.types import LocalProject

_FILES_MAX = 30
_LINES_MAX = 5_000
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]{0,200})")
_EXTRAS = re.compile(r"\[([A-Za-z0-9._, -]{1,200})\]$")

_INCLUDES = {"-r": "-r", "--requirement": "-r", "-c": "-c", "--constraint": "-c"}
_EDITABLE = {"-e", "--editable"}
_INDEX_OPTIONS = {
    "-i": "--index-url",
    "--index-url": "--index-url",
    "--extra-index-url": "--extra-index-url",
    "-f": "--find-links",
    "--find-links": "--find-links",
    "--no-binary": "--no-binary",
    "--only-binary": "--only-binary",
}
_DROPPED = {"--pre", "--prefer-binary", "--require-hashes", "--trusted-host", "--use-feature"}


@dataclass(slots=True)
class RequirementLines:
    """What the files say, includes followed. Paths in lines are relative to the folder."""

    files: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    local_paths: list[str] = field(default_factory=list)
    projects: list[LocalProject] = field(default_factory=list)
    """Projects of this repository that the files install (`-e .`, `.[test]`, `-e ./libs/core`)."""
    problems: list[str] = field(default_factory=list)


def requirement_name(line: str) -> str:
    """The normalized name that a requirement line starts with; "" for paths, URLs and options."""
    match = _NAME.match(line)
    if match is None or "://" in line.split(" @ ")[0].split(";")[0]:
        return ""
    return re.sub(r"[-_.]+", "-", match[1]).lower()


def requirements_read(folder: Folder, names: Iterable[str]) -> RequirementLines:
    """Read the files (relative to `folder`) and what they include. Never raises."""
    found = RequirementLines()
    for name in names:
        _read(folder, folder.path(name), "-r", found)
    for lines in (found.lines, found.constraints, found.options, found.local_paths):
        lines[:] = list(dict.fromkeys(lines))
    return found


def requirements_add(
    folder: Folder, lines: Iterable[str], found: RequirementLines, *, base: str = ""
) -> None:
    """Add single lines (of tox's `deps`, of metadata) as if a file in `base` had them."""
    for line in lines:
        # One line is one requirement: a line break inside would smuggle in a second one.
        _line(folder, base or folder.root, " ".join(line.split()), "-r", found)


def _read(folder: Folder, path: str, kind: str, found: RequirementLines) -> None:
    if path in found.files:
        return
    if len(found.files) >= _FILES_MAX:
        found.problems.append(f"{path} was left out: more than {_FILES_MAX} requirement files")
        return
    text = folder.listing.read(path)
    if text is None:
        found.problems.append(f"{path} is included but cannot be read")
        return
    found.files.append(path)
    for line in _logical_lines(text):
        _line(folder, parent(path), line, kind, found)


def _logical_lines(text: str) -> Iterable[str]:
    """Lines without comments, continuations joined."""
    pending = ""
    for raw in text.lstrip("\ufeff").splitlines()[:_LINES_MAX]:
        line = raw.strip()
        if line.startswith("#"):
            continue
        line = line.split(" #", 1)[0].split("\t#", 1)[0].rstrip()
        if line.endswith("\\"):
            pending += line[:-1].rstrip() + " "
            continue
        if (pending + line).strip():
            yield (pending + line).strip()
        pending = ""
    if pending.strip():
        yield pending.strip()


def _line(folder: Folder, base: str, line: str, kind: str, found: RequirementLines) -> None:
    if not line:
        return
    if line.startswith("-"):
        _option(folder, base, line, kind, found)
    elif kind == "-c":
        found.constraints.append(line)
    elif _looks_local(line):
        _local(folder, base, line, found, is_editable=False)
    else:
        found.lines.append(line)


def _option(folder: Folder, base: str, line: str, kind: str, found: RequirementLines) -> None:
    option, value = _option_split(line)
    if option in _INCLUDES:
        target = path_resolve(base, value)
        if target is None:
            found.problems.append(f"`{line[:100]}` leads out of the repository: left out")
        else:
            _read(folder, target, "-c" if kind == "-c" else _INCLUDES[option], found)
    elif option in _EDITABLE:
        if _looks_local(value):
            _local(folder, base, value, found, is_editable=True)
        else:
            # An editable checkout would lie in the cache's build folder: installed as a copy.
            found.lines.append(value)
    elif option == "--no-index":
        found.options.append(option)
    elif option in _INDEX_OPTIONS and value:
        found.options.append(
            f"{_INDEX_OPTIONS[option]}={_index_value(folder, base, option, value, found)}"
        )
    elif option not in _DROPPED:
        found.problems.append(f"the option `{line[:100]}` is not known: left out")


def _option_split(line: str) -> tuple[str, str]:
    head = line.split(None, 1)
    option, equals, value = head[0].partition("=")
    if equals:
        return option, value
    if not option.startswith("--") and len(option) > 2:  # "-rfile" is "-r file"
        return option[:2], option[2:]
    return option, head[1].strip() if len(head) > 1 else ""


def _index_value(
    folder: Folder, base: str, option: str, value: str, found: RequirementLines
) -> str:
    if option not in {"-f", "--find-links"} or "://" in value:
        return value
    path = path_resolve(base, value)
    if path is None or not folder.listing.exists(path):
        return value
    found.local_paths.append(path)
    return path_relative(folder.root, path)


def _looks_local(line: str) -> bool:
    plain = line.split(";")[0].strip()
    if "://" in plain or " @ " in plain:
        return False
    return plain.startswith((".", "file:.")) or "/" in plain or plain.endswith((".whl", ".tar.gz"))


def _local(
    folder: Folder, base: str, line: str, found: RequirementLines, *, is_editable: bool
) -> None:
    plain, _, marker = line.partition(";")
    plain = plain.strip().removeprefix("file:")
    match = _EXTRAS.search(plain)
    extras = tuple(e.strip() for e in match[1].split(",") if e.strip()) if match else ()
    bare = plain[: match.start()] if match else plain
    path = _existing(folder, base, bare)
    if path is None:
        found.problems.append(f"`{line[:100]}` names nothing in this repository: left out")
    elif is_editable or path == folder.root:
        found.projects.append(LocalProject(path, extras))
    else:
        found.local_paths.append(path)
        suffix = f" ;{marker}" if marker else ""
        name = f"[{','.join(extras)}]" if extras else ""
        found.lines.append(f"{path_relative(folder.root, path)}{name}{suffix}")


def _existing(folder: Folder, base: str, path: str) -> str | None:
    # pip resolves such paths against the folder it runs in, uv and readers against the file's.
    for start in dict.fromkeys((folder.root, base)):
        resolved = path_resolve(start, path)
        if resolved is not None and folder.listing.exists(resolved):
            return resolved
    return None
