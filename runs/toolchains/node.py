"""Node projects: npm, pnpm or yarn, by lock file and `packageManager`."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from runs.toolchains.folders import Folder, Table, json_parse, parent, strings, table, text
from runs.toolchains.types import Detection, ToolCommand

MANIFESTS = frozenset({"package.json"})

_LOCKS = (
    ("pnpm-lock.yaml", "pnpm"),
    ("yarn.lock", "yarn"),
    ("package-lock.json", "npm"),
    ("npm-shrinkwrap.json", "npm"),
)
_NO_TEST = "no test specified"
"""What `npm init` writes as the test script; it always fails."""
# Watchers and prompts wait for a person unless this is set.
_ENV = (("CI", "1"),)
_TEST_FILES = (".test.js", ".test.mjs", ".test.cjs", ".spec.js", ".spec.mjs")


@dataclass(frozen=True, slots=True)
class _Manager:
    name: str
    reason: str
    lock: str
    is_modern_yarn: bool = False


def detect(folder: Folder) -> Detection | None:
    """A package or a workspace; a workspace's member is spoken for by its root."""
    if _workspace_above(folder):
        return None
    path = folder.path("package.json")
    manifest = json_parse(folder.read("package.json"), path)
    manager = _manager(folder, manifest.data)
    scripts = table(manifest.data, "scripts")
    is_workspace = bool(_workspaces(folder, manifest.data))
    test = _tests(folder, manifest.data, manager, is_workspace=is_workspace)
    confidence = 0.9 if test else 0.7 if scripts or _has_dependencies(manifest.data) else 0.5
    if manifest.problem:
        confidence = 0.3
    reasons = [f"{path} is there", manager.reason, manifest.problem]
    if is_workspace:
        reasons.append("it is a workspace: one installation serves its members")
    return Detection(
        toolchain="node",
        root=folder.root,
        confidence=confidence,
        reasons=tuple(filter(None, reasons)),
        manifests=_manifests(folder, is_workspace=is_workspace),
        install=_install(folder, manager, manifest.data),
        build=_script(folder, manager, "build") if "build" in scripts else (),
        test=test,
        smoke=next(
            (_script(folder, manager, s) for s in ("typecheck", "lint") if s in scripts), ()
        ),
        requires=tuple(dict.fromkeys(("node", manager.name))),
    )


def _manifests(folder: Folder, *, is_workspace: bool) -> tuple[str, ...]:
    own = folder.present("package.json", "pnpm-workspace.yaml", *(name for name, _ in _LOCKS))
    return tuple(dict.fromkeys((*own, *(folder.nested("package.json") if is_workspace else ()))))


def _manager(folder: Folder, data: Table) -> _Manager:
    declared, _, version = text(data.get("packageManager")).partition("@")
    locks = [(lock, name) for lock, name in _LOCKS if folder.has(lock)]
    name = declared if declared in {"npm", "pnpm", "yarn"} else ""
    reason = f"packageManager says {name}" if name else ""
    if not name and locks:
        name, reason = locks[0][1], f"{folder.path(locks[0][0])} says {locks[0][1]}"
    name = name or "npm"
    lock = next((lock for lock, of in locks if of == name), "")
    is_modern = folder.has(".yarnrc.yml") or (
        bool(version) and not version.startswith(("0.", "1."))
    )
    return _Manager(name, reason or "npm, because nothing says otherwise", lock,
                    name == "yarn" and is_modern)  # fmt: skip


def _install(folder: Folder, manager: _Manager, data: Table) -> tuple[ToolCommand, ...]:
    if not _has_dependencies(data) and not _workspaces(folder, data):
        return ()
    if manager.name == "npm":
        argv: tuple[str, ...] = (
            "npm",
            "ci" if manager.lock else "install",
            "--no-audit",
            "--no-fund",
        )
    elif manager.name == "pnpm":
        argv = ("pnpm", "install", "--frozen-lockfile" if manager.lock else "--no-frozen-lockfile")
    elif manager.is_modern_yarn:
        argv = ("yarn", "install", *(("--immutable",) if manager.lock else ()))
    else:
        frozen = ("--frozen-lockfile",) if manager.lock else ()
        argv = ("yarn", "install", "--non-interactive", *frozen)
    return (ToolCommand(argv, cwd=folder.root, env=_ENV),)


def _tests(
    folder: Folder, data: Table, manager: _Manager, *, is_workspace: bool
) -> tuple[ToolCommand, ...]:
    script = text(table(data, "scripts").get("test"))
    if script and _NO_TEST not in script:
        argv: tuple[str, ...] = (manager.name, "test")
    elif is_workspace:
        argv = _workspace_tests(manager)
    else:
        runner = _direct_runner(folder, data)
        if not runner:
            return ()
        argv = runner
    return (ToolCommand(argv, cwd=folder.root, env=_ENV),)


def _workspace_tests(manager: _Manager) -> tuple[str, ...]:
    if manager.name == "npm":
        return ("npm", "test", "--workspaces", "--if-present")
    if manager.name == "pnpm":
        return ("pnpm", "--recursive", "--if-present", "test")
    if manager.is_modern_yarn:
        return ("yarn", "workspaces", "foreach", "-A", "run", "test")
    return ("yarn", "workspaces", "run", "test")


def _direct_runner(folder: Folder, data: Table) -> tuple[str, ...]:
    packages = {*table(data, "devDependencies"), *table(data, "dependencies")}
    # --no-install: what the project did not declare is never fetched.
    if "vitest" in packages:
        return ("npx", "--no-install", "vitest", "run")
    for runner in ("jest", "mocha", "ava"):
        if runner in packages:
            return ("npx", "--no-install", runner)
    if any(name.endswith(_TEST_FILES) for name in folder.files):
        return ("node", "--test")
    return ()


def _script(folder: Folder, manager: _Manager, name: str) -> tuple[ToolCommand, ...]:
    return (ToolCommand((manager.name, "run", name), cwd=folder.root, env=_ENV),)


def _has_dependencies(data: Table) -> bool:
    names = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
    return any(table(data, name) for name in names)


def _workspaces(folder: Folder, data: Table) -> tuple[str, ...]:
    declared = data.get("workspaces")
    patterns = strings(declared) or strings(table(data, "workspaces").get("packages"))
    return patterns or tuple(_pnpm_patterns(folder.read("pnpm-workspace.yaml") or ""))


def _pnpm_patterns(yaml: str) -> Iterable[str]:
    """The list under `packages:`. Read by hand: it is the only thing needed of YAML here."""
    inside = False
    for line in yaml.splitlines():
        stripped = line.strip()
        if stripped.startswith("- ") and inside:
            yield stripped[2:].split(" #")[0].strip().strip("'\"")
        elif stripped and not stripped.startswith("#"):
            inside = stripped.split("#")[0].strip() == "packages:"


def _workspace_above(folder: Folder) -> bool:
    root, inner = folder.root, ""
    while root != ".":
        inner = "/".join(filter(None, (root.rpartition("/")[2], inner)))
        root = parent(root)
        above = folder.listing.folder(root)
        if above.has("package.json"):
            data = json_parse(above.read("package.json"), "package.json").data
            if _is_member(inner, _workspaces(above, data)):
                return True
    return False


def _is_member(folder: str, patterns: Iterable[str]) -> bool:
    is_in = False
    for pattern in patterns:
        plain = pattern.removeprefix("!").removeprefix("./").rstrip("/")
        # fnmatch's star crosses slashes; only a double one may.
        deep = "**" in plain
        if fnmatchcase(folder, plain) and (deep or plain.count("/") == folder.count("/")):
            is_in = not pattern.startswith("!")
    return is_in
