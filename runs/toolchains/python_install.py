"""What has to be installed so that the tests of a Python project can run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from runs.toolchains.folders import Folder, table, text
from runs.toolchains.python_metadata import Metadata, metadata_read
from runs.toolchains.python_poetry import LOCKS, Lock, lock_read
from runs.toolchains.python_requirements import (
    RequirementLines,
    requirement_name,
    requirements_add,
    requirements_read,
)
from runs.toolchains.python_tests import Sections, TestRunner
from runs.toolchains.python_versions import version_parse
from runs.toolchains.types import LocalProject, PythonInstall

_TEST_WORDS = ("test", "tests", "testing", "unittest", "unittests", "pytest")
_DEV_WORDS = ("dev", "develop", "development")
_PROJECTS_MAX = 20


@dataclass(frozen=True, slots=True)
class Needs:
    install: PythonInstall
    reasons: tuple[str, ...] = ()


def install_plan(folder: Folder, metadata: Metadata, runner: TestRunner, tox: Sections) -> Needs:
    """Everything declared for testing, the runner itself when nothing declares it."""
    found = requirements_read(folder, _requirement_files(folder))
    reasons = list(found.problems)
    requirements_add(folder, _tox_lines(tox), found)
    asked = tuple(extra for p in found.projects if p.path == folder.root for extra in p.extras)
    extras, groups = _choose(metadata, found, runner, asked)
    declared = _metadata_lines(metadata, extras, groups)
    requirements_add(folder, _sourced(metadata, declared, found.problems), found)
    project, why = _project(folder, metadata, found, extras)
    others = _others(folder, found)
    packages: tuple[str, ...] = ()
    if runner.name == "pytest" and not _declares(found.lines, "pytest"):
        packages = ("pytest",)
        reasons.append("the tests need pytest and nothing declares it: it is installed as well")
    if runner.name == "pytest" and runner.is_django and not _declares(found.lines, "pytest-django"):
        packages = (*packages, "pytest-django")
        reasons.append("pytest is told Django's settings, so pytest-django is installed as well")
    lock_name, lock, lock_reason = _lock(folder)
    install = PythonInstall(
        requires_python=metadata.requires_python or _pinned_python(folder),
        requirement_files=tuple(found.files),
        requirements=tuple(dict.fromkeys(found.lines)),
        constraints=tuple(dict.fromkeys((*found.constraints, *lock.constraints))),
        options=tuple(dict.fromkeys(found.options)),
        packages=packages,
        extras=extras,
        groups=groups,
        local_paths=tuple(dict.fromkeys(found.local_paths)),
        projects=(*project, *others),
        source_paths=_source_paths(folder, is_installed=bool(project)),
        uv_lock=folder.path("uv.lock") if lock_name == "uv.lock" and lock.names else "",
        locked_names=lock.names,
        has_locked_members=bool(set(lock.members) - {requirement_name(metadata.name)}),
    )
    reasons += [why, lock_reason, *found.problems]
    return Needs(install, tuple(dict.fromkeys(filter(None, reasons))))


def _requirement_files(folder: Folder) -> tuple[str, ...]:
    """The base file and those that are named after tests or development, in this order."""
    names = [n for n in folder.names if n.endswith(".txt") and "requirements" in n]
    inside = [n for n in folder.below("requirements") if n.endswith(".txt") and n.count("/") == 1]
    by_words = {_words(name): name for name in sorted((*inside, *names), reverse=True)}
    chosen = [by_words[w] for w in ("", "base", "common", "main") if w in by_words][:1]
    tests = [by_words[w] for w in _TEST_WORDS if w in by_words]
    # requirements/tests.txt and the like usually stand alone; dev files add what people like.
    chosen += tests or [by_words[w] for w in (*_DEV_WORDS, "local") if w in by_words][:1]
    return tuple(dict.fromkeys(chosen))


def _words(name: str) -> str:
    """What a requirement file is for: "requirements-dev.txt" is for "dev"."""
    stem = name.removesuffix(".txt").replace("/", "-").replace("_", "-").replace(".", "-")
    stem = stem.replace("requirements-requirements", "requirements")
    return stem.replace("requirements", "").strip("-").lower()


def _tox_lines(tox: Sections) -> tuple[str, ...]:
    lines = (tox.get("testenv", {}).get("deps", "")).splitlines()
    # Lines with factors (`py39: ...`) and substitutions depend on the environment tox chose.
    return tuple(
        line.strip()
        for line in lines
        if line.strip()
        and "{" not in line
        and not (":" in line.split("/")[0] and "://" not in line)
    )


def _choose(
    metadata: Metadata, found: RequirementLines, runner: TestRunner, asked: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Extras and groups: those asked for and those named after tests; those of development when
    there are none or when pytest is in none of them; then any that has pytest."""
    resolved = {name: metadata.extra_lines(name) for name in metadata.extras}
    extras = [*asked, *_named(resolved, _TEST_WORDS)]
    groups = _named(metadata.groups, _TEST_WORDS)

    def is_complete() -> bool:
        if not extras and not groups and not found.lines:
            return False
        chosen = [*found.lines, *metadata.dependencies]
        chosen += [line for e in extras for line in resolved.get(e, ())]
        chosen += [line for g in groups for line in metadata.groups.get(g, ())]
        return runner.name != "pytest" or _declares(chosen, "pytest")

    if not is_complete():
        extras += _named(resolved, _DEV_WORDS)
        groups += _named(metadata.groups, _DEV_WORDS)
    if not is_complete() and runner.name == "pytest":
        extras += [e for e in sorted(resolved) if _declares(resolved[e], "pytest")][:1]
        groups += [g for g in sorted(metadata.groups) if _declares(metadata.groups[g], "pytest")][
            :1
        ]
    return tuple(dict.fromkeys(extras)), tuple(dict.fromkeys(groups))


def _named(table_: Mapping[str, object], words: Iterable[str]) -> list[str]:
    wanted = set(words)
    return [name for name in sorted(table_) if name.lower() in wanted]


def _metadata_lines(
    metadata: Metadata, extras: Iterable[str], groups: Iterable[str]
) -> Iterable[str]:
    yield from metadata.dependencies
    for extra in extras:
        yield from metadata.extra_lines(extra)
    for group in groups:
        yield from metadata.groups.get(group, ())


def _sourced(metadata: Metadata, lines: Iterable[str], problems: list[str]) -> Iterable[str]:
    """The lines with [tool.uv.sources] applied: a name that the project takes from its own folders
    or from a repository must never be looked for on an index, where anybody may have put it."""
    declared = table(metadata.tool, "uv", "sources")
    sources = {requirement_name(name): value for name, value in declared.items()}
    for line in lines:
        source = sources.get(requirement_name(line))
        first = table(source[0] if isinstance(source, list) and source else source)
        path, git = text(first.get("path")), text(first.get("git"))
        if path:
            local = path if path.startswith((".", "/")) else f"./{path}"
            yield f"-e {local}" if first.get("editable") is True else local
        elif git:
            revision = next(
                (text(first.get(k)) for k in ("rev", "tag", "branch") if k in first), ""
            )
            yield f"{requirement_name(line)} @ git+{git}{'@' * bool(revision)}{revision}"
        elif first.get("workspace") is True or text(first.get("url")):
            problems.append(f"`{line[:100]}` comes from a source that only uv and its lock resolve")
        else:
            yield line


def _project(
    folder: Folder, metadata: Metadata, found: RequirementLines, extras: tuple[str, ...]
) -> tuple[tuple[LocalProject, ...], str]:
    """Whether the project itself is installed, and why: importing it often needs none."""
    if not metadata.is_installable:
        return (), ""
    why = ""
    if metadata.is_dynamic:
        why = "its dependencies are computed by its build"
    elif metadata.has_extension_modules:
        why = "it has extension modules"
    elif metadata.has_entry_points:
        why = "it has entry points"
    elif _has_src_layout(folder):
        why = "it has a src layout"
    elif _reads_own_metadata(folder):
        why = "it reads its own metadata"
    if not why:
        return (), "the project is importable from its folder: it is not installed"
    return (
        (LocalProject(folder.root, extras, has_static_dependencies=not metadata.is_dynamic),),
        f"the project is installed into each copy, because {why}",
    )


def _has_src_layout(folder: Folder) -> bool:
    return any(name.endswith(".py") for name in folder.below("src"))


def _reads_own_metadata(folder: Folder) -> bool:
    """Most projects that do, do it for their version, near the top of a package."""
    names = ("__init__.py", "__about__.py", "_version.py", "version.py", "cli.py", "__main__.py")
    near = [n for n in folder.files if n.count("/") == 1 and n.rpartition("/")[2] in names]
    texts = (folder.read(name) or "" for name in near[:20])
    return any("importlib.metadata" in t or "importlib_metadata" in t or "pkg_resources" in t
               for t in texts)  # fmt: skip


def _others(folder: Folder, found: RequirementLines) -> tuple[LocalProject, ...]:
    """Other projects of the repository that the files install, with what they depend on."""
    others: list[LocalProject] = []
    pending = [p for p in found.projects if p.path != folder.root]
    seen = {folder.root}
    while pending and len(others) < _PROJECTS_MAX:
        project = pending.pop(0)
        if project.path in seen:
            continue
        seen.add(project.path)
        inner = folder.listing.folder(project.path)
        metadata = metadata_read(inner)
        before = len(found.projects)
        declared = _metadata_lines(metadata, project.extras, ())
        lines = _sourced(metadata, declared, found.problems)
        requirements_add(folder, lines, found, base=project.path)
        pending += found.projects[before:]
        others.append(replace(project, has_static_dependencies=not metadata.is_dynamic))
    return tuple(others)


def _declares(lines: Iterable[str], name: str) -> bool:
    return any(requirement_name(line) == name for line in lines)


def _lock(folder: Folder) -> tuple[str, Lock, str]:
    name = next((name for name in LOCKS if folder.has(name)), "")
    if not name:
        return "", Lock(), ""
    lock = lock_read(folder, name)
    return name, lock, lock.problem or f"{folder.path(name)} pins {len(lock.names)} packages"


def _pinned_python(folder: Folder) -> str:
    """The minor version that `.python-version` names: its patch release is rarely meant."""
    version = version_parse(folder.read(".python-version") or "") or ()
    return f"=={version[0]}.{version[1]}.*" if len(version) > 1 else ""


def _source_paths(folder: Folder, *, is_installed: bool) -> tuple[str, ...]:
    """Folders to import from: the project's own, and `src` when nothing installs it."""
    own = (folder.root,)
    return own if is_installed or not _has_src_layout(folder) else (folder.path("src"), *own)
