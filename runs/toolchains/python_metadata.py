"""What a Python project declares about itself, read without running any of its code."""

import ast
import configparser
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runs.toolchains.folders import Folder, Table, strings, table, text, toml_parse
from runs.toolchains.python_poetry import (
    poetry_dependencies,
    poetry_extras,
    poetry_groups,
)
from runs.toolchains.python_requirements import requirement_name, requirements_read
from runs.toolchains.python_versions import poetry_to_pep440

_DEPTH_MAX = 20


@dataclass(slots=True)
class Metadata:
    """Merged from pyproject.toml, setup.cfg and setup.py, in this order of precedence."""

    kind: str = ""
    """Which manifest declares the project: "project", "poetry", "setup.cfg", "setup.py" or ""."""
    name: str = ""
    requires_python: str = ""
    dependencies: tuple[str, ...] = ()
    extras: dict[str, tuple[str, ...]] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    is_dynamic: bool = False
    """Only running the project's build tells what it depends on."""
    is_installable: bool = False
    has_entry_points: bool = False
    has_extension_modules: bool = False
    tool: Table = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def extra_lines(self, name: str) -> tuple[str, ...]:
        """The lines of an extra, its references to extras of the same project resolved."""
        return tuple(dict.fromkeys(self._extra(name, frozenset())))

    def _extra(self, name: str, seen: frozenset[str]) -> Iterable[str]:
        if name in seen or len(seen) > _DEPTH_MAX:
            return
        for line in self.extras.get(name, ()):
            inner = re.match(r"[^\[\];]{1,200}\[([^\]]{1,200})\]", line)
            if inner and self.name and requirement_name(line) == requirement_name(self.name):
                for other in inner[1].split(","):
                    yield from self._extra(other.strip(), seen | {name})
            else:
                yield line


def metadata_read(folder: Folder) -> Metadata:
    """Read the manifests of `folder`. Never raises: what is wrong is in `problems`."""
    found = Metadata()
    path = folder.path("pyproject.toml")
    manifest = toml_parse(folder.read("pyproject.toml"), path)
    if manifest.problem:
        found.problems.append(manifest.problem)
    found.tool = table(manifest.data, "tool")
    poetry = table(found.tool, "poetry")
    if table(manifest.data, "project"):
        _project(folder, manifest.data, found)
    elif poetry:
        _poetry(poetry, found)
    found.groups |= _groups(table(manifest.data, "dependency-groups"))
    found.groups |= _groups(table(found.tool, "pdm", "dev-dependencies"))
    uv_dev = strings(table(found.tool, "uv").get("dev-dependencies"))
    if uv_dev:
        found.groups["dev"] = found.groups.get("dev", ()) + uv_dev
    if poetry:
        found.groups |= poetry_groups(poetry)
    if found.kind in {"", "project"}:
        _setup_cfg(folder, found)
        _setup_py(folder, found)
    return found


def _project(folder: Folder, data: Table, found: Metadata) -> None:
    project = table(data, "project")
    found.kind = "project"
    found.name = text(project.get("name"))
    found.requires_python = text(project.get("requires-python"))
    found.dependencies = strings(project.get("dependencies"))
    extras = table(project, "optional-dependencies")
    found.extras = {name: strings(lines) for name, lines in extras.items()}
    points = ("scripts", "gui-scripts", "entry-points")
    found.has_entry_points = any(table(project, name) for name in points)
    dynamic = set(strings(project.get("dynamic")))
    # uv's virtual projects have metadata but nothing to build.
    is_virtual = table(data, "tool", "uv").get("package") is False
    has_backend = bool(table(data, "build-system")) or folder.has("setup.py")
    found.is_installable = not is_virtual and (has_backend or found.has_entry_points)
    found.is_dynamic = "dependencies" in dynamic and not _dynamic_files(folder, data, found)


def _dynamic_files(folder: Folder, data: Table, found: Metadata) -> bool:
    """setuptools can read the dependencies from requirement files: so can we."""
    dynamic = table(data, "tool", "setuptools", "dynamic")

    def lines(value: object) -> tuple[str, ...]:
        names = table(value).get("file")
        return tuple(
            requirements_read(folder, [names] if isinstance(names, str) else strings(names)).lines
        )

    for name, value in table(dynamic, "optional-dependencies").items():
        found.extras[name] = lines(value)
    found.dependencies = lines(dynamic.get("dependencies"))
    return bool(table(dynamic, "dependencies"))


def _poetry(poetry: Table, found: Metadata) -> None:
    found.kind = "poetry"
    found.name = text(poetry.get("name"))
    dependencies = table(poetry, "dependencies")
    wanted = dependencies.get("python")
    found.requires_python = poetry_to_pep440(text(wanted)) if "||" not in text(wanted) else ""
    found.dependencies = poetry_dependencies(dependencies)
    found.extras = poetry_extras(poetry)
    found.has_entry_points = bool(table(poetry, "scripts") or table(poetry, "plugins"))
    found.is_installable = poetry.get("package-mode") is not False and bool(found.name)


def _groups(groups: Table) -> dict[str, tuple[str, ...]]:
    """PEP 735 groups with their includes resolved."""

    def lines(name: str, seen: frozenset[str]) -> Iterable[str]:
        items = groups.get(name)
        if name in seen or len(seen) > _DEPTH_MAX or not isinstance(items, list):
            return
        for item in items:
            if isinstance(item, str):
                yield item
            else:
                yield from lines(text(table(item).get("include-group")), seen | {name})

    return {name: tuple(dict.fromkeys(lines(name, frozenset()))) for name in groups}


def _setup_cfg(folder: Folder, found: Metadata) -> None:
    sections = ini_read(folder, "setup.cfg", found.problems)
    options, metadata = sections.get("options", {}), sections.get("metadata", {})
    if found.kind == "" and (options or metadata):
        found.kind = "setup.cfg"
    if found.kind == "project" and not found.is_dynamic:
        return
    if not options and not metadata:
        return
    found.is_installable = True
    found.name = found.name or metadata.get("name", "")
    found.requires_python = found.requires_python or options.get("python_requires", "")
    found.has_entry_points |= bool(sections.get("options.entry_points"))
    if "install_requires" in options:
        found.dependencies, found.is_dynamic = _lines(options["install_requires"]), False
        if options["install_requires"].startswith("file:"):
            found.dependencies, found.is_dynamic = (), True
    extras = sections.get("options.extras_require", {})
    found.extras |= {name: _lines(lines) for name, lines in extras.items()}


def ini_read(folder: Folder, name: str, problems: list[str]) -> dict[str, dict[str, str]]:
    """The sections of an INI file; a malformed one is a problem and empty. Never raises."""
    content = folder.read(name)
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(content or "")
    except (configparser.Error, ValueError) as error:
        first = str(error).splitlines()[0][:120]
        problems.append(f"{folder.path(name)} cannot be read ({first}): correct it")
        return {}
    return {section: dict(parser.items(section)) for section in parser.sections()}


def _lines(value: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in value.splitlines() if line.strip()[:1] not in {"", "#"})


def _setup_py(folder: Folder, found: Metadata) -> None:
    source = folder.read("setup.py")
    if source is None:
        return
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        problem = f"{folder.path('setup.py')} is not valid Python ({str(error)[:120]}): correct it"
        found.problems.append(problem)
        return
    arguments = _setup_arguments(module)
    if arguments is None:
        return
    found.has_extension_modules = "ext_modules" in arguments or "cffi_modules" in arguments
    if found.kind == "project" and not found.is_dynamic:
        return
    found.kind = found.kind or "setup.py"
    found.is_installable = True
    found.has_entry_points |= bool(arguments.keys() & {"entry_points", "scripts"})
    _setup_merge(arguments, found)


def _setup_merge(arguments: Mapping[str, ast.expr | None], found: Metadata) -> None:
    values = {name: _literal(node) for name, node in arguments.items() if node is not None}
    found.name = found.name or text(values.get("name"))
    found.requires_python = found.requires_python or text(values.get("python_requires"))
    extras = values.get("extras_require")
    for name, lines in extras.items() if isinstance(extras, dict) else ():
        found.extras.setdefault(str(name), (lines,) if isinstance(lines, str) else strings(lines))
    wanted = values.get("install_requires")
    if isinstance(wanted, str):
        wanted = list(_lines(wanted))
    if isinstance(wanted, list | tuple):
        found.dependencies, found.is_dynamic = strings(wanted), False
    elif "install_requires" in arguments or "**" in arguments:
        found.is_dynamic = True


def _setup_arguments(module: ast.Module) -> dict[str, ast.expr | None] | None:
    """Keyword arguments of the call of setup(), module-level names resolved one step.

    None when there is no such call. A `**mapping` is the key "**" with None.
    """
    assigned: dict[str, ast.expr] = {}
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            assigned[node.targets[0].id] = node.value
    for call in ast.walk(module):
        if isinstance(call, ast.Call) and _called(call) == "setup":
            return {
                keyword.arg or "**": (
                    None
                    if keyword.arg is None
                    else assigned.get(keyword.value.id)
                    if isinstance(keyword.value, ast.Name)
                    else keyword.value
                )
                for keyword in call.keywords
            }
    return None


def _called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
