"""Poetry's tables as PEP 508 requirement lines, and the exact versions of lock files."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from runs.toolchains.folders import Folder, Table, strings, table, text, toml_parse
from runs.toolchains.python_requirements import requirement_name
from runs.toolchains.python_versions import poetry_to_pep440

_LOCAL = frozenset({"path", "directory", "editable", "virtual"})
LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml")


def poetry_dependencies(dependencies: Table) -> tuple[str, ...]:
    """The lines of a [tool.poetry...dependencies] table, without `python` and optional ones."""
    lines: list[str] = []
    for name, wanted in dependencies.items():
        if name.lower() == "python":
            continue
        # Several constraints by marker are a list; each becomes a line.
        for each in wanted if isinstance(wanted, list) else [wanted]:
            line = _line(name, each)
            if line:
                lines.append(line)
    return tuple(lines)


def poetry_extras(poetry: Table) -> dict[str, tuple[str, ...]]:
    """Extras name optional main dependencies; their lines are taken from there."""
    dependencies = table(poetry, "dependencies")
    extras: dict[str, tuple[str, ...]] = {}
    for extra, names in table(poetry, "extras").items():
        chosen = {
            name: _required(dependencies[name]) for name in strings(names) if name in dependencies
        }
        extras[extra] = poetry_dependencies(chosen)
    return extras


def poetry_groups(poetry: Table) -> dict[str, tuple[str, ...]]:
    groups = {
        name: poetry_dependencies(table(group, "dependencies"))
        for name, group in table(poetry, "group").items()
    }
    old = poetry_dependencies(table(poetry, "dev-dependencies"))
    if old:
        groups["dev"] = groups.get("dev", ()) + old
    return groups


@dataclass(frozen=True, slots=True)
class Lock:
    """What a lock file pins. Versions of `names` that are in no `constraints` are ambiguous."""

    constraints: tuple[str, ...] = ()
    """`name==version` for each name that the lock takes from an index in one version."""
    names: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    """Packages that are folders of the repository, the project itself included."""
    problem: str = ""


def lock_read(folder: Folder, lock: str) -> Lock:
    """Read uv's, Poetry's, PDM's lock or a pylock.toml: all are TOML with a list of packages."""
    manifest = toml_parse(folder.read(lock), folder.path(lock))
    versions: dict[str, set[str]] = defaultdict(set)
    names, members = set[str](), set[str]()
    packages = manifest.data.get("package", manifest.data.get("packages"))
    for package in packages if isinstance(packages, list) else []:
        data = table(package)
        name, version = requirement_name(text(data.get("name"))), text(data.get("version"))
        names |= {name} - {""}
        if not _LOCAL.isdisjoint(table(data, "source")):
            members.add(name)
        elif name and version and _is_from_index(data):
            versions[name].add(version)
    pinned = [f"{n}=={next(iter(v))}" for n, v in sorted(versions.items()) if len(v) == 1]
    return Lock(tuple(pinned), tuple(sorted(names)), tuple(sorted(members)), manifest.problem)


def _is_from_index(package: Table) -> bool:
    source = table(package, "source")
    local = {"git", "path", "directory", "editable", "virtual", "url"}
    return local.isdisjoint(source) and source.get("type") not in {
        "git",
        "directory",
        "file",
        "url",
    }


def _required(wanted: object) -> object:
    return {**wanted, "optional": False} if isinstance(wanted, Mapping) else wanted


def _line(name: str, wanted: object) -> str:
    if isinstance(wanted, str):
        return f"{name}{poetry_to_pep440(wanted)}"
    data = table(wanted)
    if not data or data.get("optional") is True:
        return ""
    extras = f"[{','.join(strings(data.get('extras')))}]" if data.get("extras") else ""
    marker = f" ; {text(data.get('markers'))}" if data.get("markers") else ""
    if text(data.get("git")):
        revision = next((text(data.get(k)) for k in ("rev", "tag", "branch") if data.get(k)), "")
        at = f"@{revision}" if revision else ""
        return f"{name}{extras} @ git+{data['git']}{at}{marker}"
    if text(data.get("path")):
        path = text(data.get("path"))
        prefix = "-e " if data.get("develop") is True else ""
        return f"{prefix}{path if path.startswith('.') else './' + path}{extras}"
    if text(data.get("url")):
        return f"{name}{extras} @ {data['url']}{marker}"
    return f"{name}{extras}{poetry_to_pep440(text(data.get('version')))}{marker}"
