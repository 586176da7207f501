"""Real Python projects, installed without a network: wheels are packed from what runs us."""

import importlib.metadata
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runs.execution.environments import Environment, SandboxNeeds, environment_prepare
from runs.execution.process import Command, CommandLimits, CommandResult, run
from runs.toolchains.detection import toolchains_detect

# A build backend in the project itself: building needs nothing from anywhere.
BACKEND = """
import os, zipfile

def _wheel(folder, files):
    name = "{name}-{version}-py3-none-any.whl"
    info = "{name}-{version}.dist-info"
    files[f"{{info}}/METADATA"] = "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
    files[f"{{info}}/WHEEL"] = (
        "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    )
    files[f"{{info}}/entry_points.txt"] = "[console_scripts]\\n{name}={name}:main\\n"
    files[f"{{info}}/RECORD"] = "".join(f"{{path}},,\\n" for path in [*files, f"{{info}}/RECORD"])
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return name

def build_wheel(folder, settings=None, metadata=None):
    with open("{source}/{name}.py") as module:
        return _wheel(folder, {{"{name}.py": module.read()}})

def build_editable(folder, settings=None, metadata=None):
    return _wheel(folder, {{"{name}.pth": os.path.abspath("{source}")}})
"""

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "{name}"
version = "{version}"

[project.scripts]
{name} = "{name}:main"
"""


def package_files(
    name: str, *, version: str = "1.0", source: str = ".", says: str = "runs"
) -> dict[str, str]:
    """The files of a project with one module and one console script, which prints `says`."""
    values = {"name": name, "version": version, "source": source}
    return {
        "pyproject.toml": PYPROJECT.format(**values),
        "backend.py": BACKEND.format(**values),
        f"{source}/{name}.py".removeprefix("./"): f"def main():\n    print('{name} {says}')\n",
    }


def wheel_pack(name: str, folder: Path) -> None:
    """Pack an installed distribution back into a wheel."""
    distribution = importlib.metadata.distribution(name)
    version = distribution.version
    stem = name.replace("-", "_")
    with zipfile.ZipFile(folder / f"{stem}-{version}-py3-none-any.whl", "w") as archive:
        for path in distribution.files or ():
            skipped = path.name in {"INSTALLER", "REQUESTED", "direct_url.json"}
            if ".." not in path.parts and path.suffix != ".pyc" and not skipped:
                archive.write(path.locate(), str(path))


def files_write(folder: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


@dataclass
class FolderTree:
    """The listing and reader of a folder on disk."""

    root: Path

    @property
    def paths(self) -> Sequence[str]:
        return [p.relative_to(self.root).as_posix() for p in self.root.rglob("*") if p.is_file()]

    def read(self, path: str) -> str | None:
        try:
            return (self.root / path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None


@dataclass
class Workshop:
    """One host: a cache, and attempts with a worktree and an environment folder each."""

    folder: Path
    commands: list[tuple[str, ...]] = field(default_factory=list)
    needs: list[SandboxNeeds] = field(default_factory=list)

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def base_env(self) -> dict[str, str]:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {"PATH": os.environ["PATH"], "HOME": str(home)}

    def execute(self, command: Command, needs: SandboxNeeds, /) -> CommandResult:
        self.commands.append(command.argv)
        self.needs.append(needs)
        return run(command)

    def worktree(self, name: str, files: Mapping[str, str]) -> Path:
        files_write(self.folder / name / "tree", files)
        return self.folder / name / "tree"

    def prepare(self, name: str, **options: object) -> Environment:
        """Prepare the environment of the worktree `name`."""
        tree = FolderTree(self.folder / name / "tree")
        self.commands.clear()
        self.needs.clear()
        arguments: dict[str, object] = {
            "worktree": tree.root,
            "environment_dir": self.folder / name / "environment",
            "cache_root": self.cache,
            "base_env": self.base_env,
            "execute": self.execute,
            "log_path": None,
            "tree": tree,
            **options,
        }
        return environment_prepare(toolchains_detect(tree), **arguments)  # type: ignore[arg-type]

    def run(self, name: str, environment: Environment, *argv: str) -> CommandResult:
        """Run a command as a validation would."""
        env = {**self.base_env, **environment.env}
        limits = CommandLimits(wall_seconds=60)
        return run(Command(argv, self.folder / name / "tree", env, limits))

    def installed(self) -> list[tuple[str, ...]]:
        """The commands of the last preparation that installed something."""
        return [argv for argv in self.commands if "install" in argv or "sync" in argv]

    def templates(self) -> list[Path]:
        return sorted(self.cache.glob("environments/*/venv"))
