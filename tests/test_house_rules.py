"""Rules of the house that no linter knows, read from the sources. Each is shown to bite."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[1]
APPS = ("autopack_site", "runs", "hardening", "intentions", "telemetry")

# A rule takes a module's path from the root and its tree, and gives (line, what is wrong).
Fault = tuple[int, str]


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if "migrations" not in path.parts)


PRODUCT = [ROOT / "manage.py", *sources(*APPS)]
EVERYTHING = [*PRODUCT, *sources("tests", "benchmarks")]


@cache
def product_trees() -> dict[str, ast.AST]:
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in PRODUCT
    }


def dotted(node: ast.expr) -> str:
    """`os.environ` for the expression os.environ; '' for what is no dotted name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{dotted(value)}.{attr}"
        case _:
            return ""


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of all that is imported, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func)


# --- The rules --------------------------------------------------------------------------------

STATUS_OWNER = re.compile(r"runs/querysets(/\w+)?\.py")
STATUSES = {"state", "outcome"}
STATUS_WRITERS = {"update", "create", "aupdate", "acreate"}
ROWS_WITH_STATUS = {"Run", "Phase", "Attempt", "Approval"}


def statuses_have_one_writer(path: str, tree: ast.AST) -> Iterator[Fault]:
    """Only runs.querysets writes a state or an outcome, and has plain statements to do it with.
    New rows start with the default."""
    if STATUS_OWNER.fullmatch(path):
        return
    for line, name in imports(tree):
        if name.startswith("runs.rows"):
            yield line, f"imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Attribute) and target.attr in STATUSES:
                    yield node.lineno, f"assigns .{target.attr}"
        elif isinstance(node, ast.Call) and writes_status(node):
            yield node.lineno, "a call writes a status"


def writes_status(call: ast.Call) -> bool:
    """update(state=...), Phase(state=...), save(update_fields=["state"]) and their like."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else dotted(call.func)
    if name in STATUS_WRITERS | ROWS_WITH_STATUS:
        return any(keyword.arg in STATUSES for keyword in call.keywords)
    if name in {"bulk_update", "save", "setattr"}:
        texts = {node.value for node in ast.walk(call) if isinstance(node, ast.Constant)}
        return bool(texts & STATUSES)
    return False


PROCESS_STARTERS = re.compile(
    r"os\.(fork|forkpty|exec\w+|spawn\w+|posix_spawnp?|popen|system|kill|killpg|startfile)"
    r"|subprocess\.(?!list2cmdline)\w+|multiprocessing\.\w+|pty\.\w+"
)
PROCESS_OWNERS = re.compile(
    r"runs/execution/(process|processes/(process_\w+|runner_pool|runner/\w+))\.py"
)


def processes_have_one_starter(path: str, tree: ast.AST) -> Iterator[Fault]:
    """Only runs/execution/process.py and what it is made of start or kill processes."""
    if PROCESS_OWNERS.fullmatch(path):
        return
    for call, name in calls(tree):
        if PROCESS_STARTERS.fullmatch(name):
            yield call.lineno, f"calls {name}"
    for line, name in imports(tree):
        if PROCESS_STARTERS.fullmatch(name):
            yield line, f"imports {name}"


ENVIRONMENT_OWNER = "autopack_site/settings.py"
# What the dynamic loader needs must reach the runner, and is nobody's setting.
ENVIRONMENT_FRIENDS = {"runs/execution/processes/runner_pool.py"}
ENTRY_POINTS = {"manage.py", "autopack_site/asgi.py", "autopack_site/wsgi.py"}


def environment_has_one_reader(path: str, tree: ast.AST) -> Iterator[Fault]:
    """Only settings.py reads the environment; entry points may say which settings to use."""
    if path == ENVIRONMENT_OWNER or path in ENVIRONMENT_FRIENDS:
        return
    allowed: set[ast.AST] = set()
    if path in ENTRY_POINTS:
        for call, name in calls(tree):
            if name == "os.environ.setdefault" and isinstance(call.func, ast.Attribute):
                allowed.add(call.func.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node not in allowed:
            name = dotted(node)
            if name in {"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv"}:
                yield node.lineno, f"uses {name}"
    for line, name in imports(tree):
        if name in {"os.environ", "os.getenv"} or name.split(".")[0] in {"environ", "dotenv"}:
            yield line, f"imports {name}"


def the_queue_has_one_importer(path: str, tree: ast.AST) -> Iterator[Fault]:
    if not path.startswith("runs/queue/"):
        for line, name in imports(tree):
            if name.split(".")[0] == "django_q":
                yield line, f"imports {name}"


def no_shell(path: str, tree: ast.AST) -> Iterator[Fault]:
    del path
    for call, name in calls(tree):
        for keyword in call.keywords:
            is_off = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            if keyword.arg == "shell" and not is_off:
                yield call.lineno, f"{name}(shell=...)"


def nothing_prints(path: str, tree: ast.AST) -> Iterator[Fault]:
    del path
    for call, name in calls(tree):
        if name in {"print", "pprint", "pprint.pprint", "breakpoint"}:
            yield call.lineno, f"calls {name}()"


def modules_have_names(path: str, tree: ast.AST) -> Iterator[Fault]:
    del tree
    nameless = {"utils", "util", "helpers", "helper", "common", "misc", "managers"}
    for part in Path(path).with_suffix("").parts:
        if part in nameless:
            yield 1, f"{part!r} says nothing about what is in it"


RULES: dict[Callable[[str, ast.AST], Iterator[Fault]], tuple[str, ...]] = {
    statuses_have_one_writer: (
        "phase.state = 'QUEUED'",
        "phase.run.state += 'x'",
        "Run.objects.filter(pk=1).update(state='QUEUED')",
        "run.phases.all().exclude(pk=1).update(explanation='', state='QUEUED')",
        "Attempt(outcome='failed')",
        "Phase.objects.create(state='RUNNING')",
        "Phase.objects.bulk_update(rows, ['state'])",
        "run.save(update_fields=['state'])",
        "setattr(run, 'state', 'QUEUED')",
        "from runs import rows",
        "from runs.rows import update",
    ),
    processes_have_one_starter: (
        "import subprocess\nsubprocess.run(['true'])",
        "from subprocess import Popen",
        "import os\nos.kill(1, 9)",
        "import os\nos.execvp('true', ['true'])",
        "from os import fork",
        "import os\nos.system('true')",
        "import multiprocessing\nmultiprocessing.Process()",
    ),
    environment_has_one_reader: (
        "import os\nos.environ['X']",
        "import os\nos.getenv('X')",
        "from os import environ",
        "import environ",
        "import os\nos.environ.setdefault('X', 'y')",
    ),
    the_queue_has_one_importer: ("import django_q", "from django_q.tasks import async_task"),
    no_shell: ("run('true', shell=True)", "run('true', shell=wanted)"),
    nothing_prints: ("print('x')", "def f():\n    breakpoint()"),
}


@pytest.mark.parametrize("rule", [*RULES, modules_have_names], ids=lambda rule: rule.__name__)
def test_the_product_keeps_the_rule(rule: Callable[[str, ast.AST], Iterator[Fault]]) -> None:
    faults = [
        f"{path}:{line}: {fault}"
        for path, tree in product_trees().items()
        for line, fault in rule(path, tree)
    ]
    assert faults == []


@pytest.mark.parametrize(
    ("rule", "broken"),
    [(rule, broken) for rule, samples in RULES.items() for broken in samples],
    ids=lambda value: value.__name__ if callable(value) else value.replace("\n", "; "),
)
def test_the_rule_bites(rule: Callable[[str, ast.AST], Iterator[Fault]], broken: str) -> None:
    assert list(rule("runs/services.py", ast.parse(broken)))


def test_rules_let_pass_what_is_not_meant() -> None:
    harmless = ast.parse(
        "state = 'x'\nrow.explanation = 'x'\nrows.filter(state='x')\nAttemptReport(outcome='x')\n"
        "rows.get_or_create(state='x')\nsubprocess.list2cmdline([])\nrun(shell=False)\n"
        "process: subprocess.Popen[bytes]\nself.stdout.write('x')\n"
    )
    assert [rule for rule in RULES if list(rule("runs/services.py", harmless))] == []
    entry = ast.parse("import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'x')")
    assert not list(environment_has_one_reader("manage.py", entry))


def test_a_module_that_is_named_for_nothing_is_found() -> None:
    for path in ("runs/utils.py", "runs/common/dates.py", "runs/execution/helpers.py"):
        assert list(modules_have_names(path, ast.parse("")))


# --- Files ------------------------------------------------------------------------------------


# What is argued to be better in one piece.
LONGER = {
    "runs/querysets.py": 450,  # the one writer of statuses: all of it is read when one edge changes
}


def test_no_module_is_longer_than_a_person_reads_at_once() -> None:
    too_long = []
    for path in EVERYTHING:
        name = path.relative_to(ROOT).as_posix()
        lines = len(path.read_text(encoding="utf-8").splitlines())
        # Tests are lists: they may be longer before they must be cut.
        if lines > LONGER.get(name, 400 if path in PRODUCT else 600):
            too_long.append(f"{name}: {lines} lines")
    assert too_long == []


def test_every_command_has_a_test_that_names_it() -> None:
    commands = {
        path.stem
        for app in APPS
        for path in (ROOT / app).glob("management/commands/*.py")
        if not path.stem.startswith("_")
    }
    assert commands
    texts = [
        path.read_text(encoding="utf-8")
        for path in sources("tests")
        if path.name.startswith("test_") and path != Path(__file__)
    ]
    untested = {
        name for name in commands if not any(re.search(rf"\b{name}\b", text) for text in texts)
    }
    assert untested == set()


def test_nothing_names_a_place_of_one_machine() -> None:
    # Put together here, so that this line is not found itself.
    places = re.compile(rf"(?<![\w.]){'/'}(work|opt/pypi|root)/")
    kinds = {".py", ".md", ".toml", ".yml", ".yaml", ".txt", ".sh", ".example", ""}
    folders = (*APPS, "tests", "benchmarks", "docs", "templates", ".ci", ".github")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [path for path in ROOT.iterdir() if path.is_file() and path.name != ".env"]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        if path.suffix in kinds and "__pycache__" not in path.parts
        for number, line in enumerate(
            path.read_text(encoding="utf-8", errors="replace").split("\n")
        )
        if places.search(line)
    ]
    assert found == []


# --- Documents --------------------------------------------------------------------------------

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_names_make_targets_that_exist_and_both_commands_of_a_newcomer() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", README))
    assert {"quickstart", "test"} <= named <= targets


def test_the_readme_names_commands_that_exist() -> None:
    from django.core.management import get_commands

    named = set(re.findall(r"manage\.py ([a-z_]+)", README))
    assert {"quickstart", "run_parallel", "execute_run"} <= named <= set(get_commands())


def environment_names() -> set[str]:
    """The variables that settings.py reads by name: flag("X"), env.str("X") and their like."""
    text = (ROOT / ENVIRONMENT_OWNER).read_text(encoding="utf-8")
    return {
        argument.value
        for call, name in calls(ast.parse(text))
        if name in {"flag", "number", "whole_number", "limits"} or name.startswith("env.")
        for argument in call.args[:1]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


@pytest.mark.parametrize("document", ["README.md", ".env.example"])
def test_every_variable_of_the_environment_is_documented_and_no_other(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    if document == "README.md":
        text = text.split("\n## Environment\n", 1)[1].split("\n## ", 1)[0]
    row = r"^\| `([A-Z_]+)`" if document == "README.md" else r"^#?([A-Z_]+)="
    assert environment_names() > {"AUTOPACK_HOME", "DJANGO_DEBUG", "TELEMETRY_DB_ENABLED"}
    assert set(re.findall(row, text, re.MULTILINE)) == environment_names()


def test_documents_link_to_files_that_exist() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
        assert [link for link in links if not (document.parent / link).exists()] == []


# --- Django -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    # Ends the process with code 1 when the models and the migrations differ.
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
