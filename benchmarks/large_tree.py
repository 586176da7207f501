"""A generated tree of 22,000 files, shaped like a large repository's, and plans about a tree.

Everything comes from one seed: each run of a benchmark has the same tree and the same texts.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILES, FOLDERS = 22_000, 4_400
SEED = 20_260

_AREA_WORDS = """
    account alert api audit auth backup billing cache catalog checkout cluster config contract
    cron dashboard delivery dns document email event export feed gateway graph health identity
    image import inventory invoice job ledger locale lock log market media menu message metric
    migration monitor network note notice order package partner payment permission pipeline policy
    portal price product profile proxy queue quota rate record region registry report request
    retry role route runtime schedule schema search secret security session setting shipping
    signal snapshot socket storage stream subscription sync tag task telemetry template tenant
    theme token trace transfer upload vault volume wallet webhook widget worker workflow
"""
_KIND_WORDS = """
    adapter builder client codec command context controller converter driver encoder factory filter
    formatter handler iterator listener loader manager mapper middleware model parser pool provider
    query reader reducer renderer resolver runner serializer server service source state store
    types validator view watcher writer
"""
_AREAS, _KINDS = _AREA_WORDS.split(), _KIND_WORDS.split()
_TOPS = ("apps", "libs", "packages", "services", "third_party/github.com")
# What every folder may have, and the rest by extension.
_USUAL = ("README.md", "__init__.py", "doc.go", "index.ts", "types.go", "types.ts", "config.yaml")
_EXTENSIONS = ("go", "go", "go", "py", "py", "py", "ts", "ts", "tsx", "md", "yaml", "json")
_DEFINITIONS = {
    "py": "class {name}:\n    def handle(self, request):\n",
    "go": "func {name}(ctx context.Context) error {{\n",
    "ts": "export class {name} {{\n",
    "tsx": "export const {name} = () => {{\n",
}


def large_tree_make(folder: Path) -> Path:
    """`FILES` files in about `FOLDERS` folders below `folder`, 4 KB each on average."""
    dice = random.Random(SEED)  # noqa: S311 (the same tree each time)
    folders = _folders(dice)
    paths: set[str] = set()
    while len(paths) < FILES:
        paths.add(f"{dice.choice(folders)}/{_name(dice)}")
    for path in sorted(paths):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_content(path, dice))
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "large"\nversion = "1"\n\n[tool.pytest.ini_options]\ntestpaths = ["."]\n'
    )
    (folder / "go.mod").write_text("module example.org/large\n\ngo 1.22\n")
    return folder


def plan_text(paths: Sequence[str], size: int) -> str:
    """A plan of `size` characters and a bit: phases, tasks that name paths (there, misspelt, to be
    made) and tasks in words, and now and then a command that checks them."""
    dice = random.Random(SEED + size)  # noqa: S311 (the same text each time)
    lines = ["# Make deliveries traceable", "", "Every step leaves a record that can be found."]
    phase = 0
    while sum(map(len, lines)) + len(lines) < size:
        phase += 1
        area, kind = dice.choice(_AREAS), dice.choice(_KINDS)
        lines += ["", f"## Phase {phase}: {area.capitalize()} {kind}", ""]
        lines += [
            f"- [{'x' if dice.random() < 0.1 else ' '}] {_task(paths, dice)}" for _ in "12345"
        ]
        if phase % 3 == 0:
            lines += ["", "Verify with `pytest -q`."]
    return "\n".join((*lines, ""))


def _folders(dice: random.Random) -> list[str]:
    folders: set[str] = set()
    while len(folders) < FOLDERS:
        parts = [dice.choice(_TOPS), dice.choice(_AREAS)]
        parts += [dice.choice((*_AREAS, "internal", "src")) for _ in range(dice.randrange(4))]
        folders.add("/".join(parts))
    return sorted(folders)


def _name(dice: random.Random) -> str:
    if dice.random() < 0.3:
        return dice.choice(_USUAL)
    area, kind, extension = dice.choice(_AREAS), dice.choice(_KINDS), dice.choice(_EXTENSIONS)
    test = "_test" if dice.random() < 0.2 else ""
    if extension == "tsx":
        return f"{area.capitalize()}{kind.capitalize()}.tsx"
    return f"{area}_{kind}{test}.{extension}"


def _content(path: str, dice: random.Random) -> str:
    form = _DEFINITIONS.get(path.rpartition(".")[2], "# {name}\n")
    parts = []
    for _ in range(dice.choice((1, 2, 4))):
        name = "".join(dice.choice(words).capitalize() for words in (_AREAS, _AREAS, _KINDS))
        body = "\n".join(
            f"    {dice.choice(_AREAS)} = {dice.choice(_KINDS)}({dice.random():.6f})"
            for _ in range(dice.choice((20, 40, 80)))
        )
        parts.append(f"{form.format(name=name)}{body}\n")
    return "\n".join(parts)


def _task(paths: Sequence[str], dice: random.Random) -> str:
    path, area, kind = dice.choice(paths), dice.choice(_AREAS), dice.choice(_KINDS)
    folder, _, name = path.rpartition("/")
    return dice.choice(
        (
            f"Change `{path}` so that it keeps the {area}",
            f"Extend the {area} {kind} with a limit of attempts",
            f"Create `{folder or 'src'}/{area}_{kind}_record.py` for the new record",
            f"Fix `{folder[:-1]}/{name}`, which drops the {area}",
            f"Rename the {kind} of the {area} and describe it",
            f"Make {area.capitalize()}{kind.capitalize()} report what it refused",
        )
    )
