"""Things that are not where the command looks: manifests, scripts, tests, scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.expressions import compiled
from hardening.families import Family
from hardening.planning import run_in
from hardening.specs import PatternSpec, Reading
from hardening.types import Action, ActionKind, Risk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hardening.specs import Hit
    from hardening.types import FailureContext

_MANIFEST = {
    "package.json": "package.json",
    "Cargo.toml": "Cargo.toml",
    "go.mod": "go.mod",
    "pom.xml": "pom.xml",
}


def _has_near(hit: Hit, expression: str) -> bool:
    text = "\n".join(hit.around).encode("utf-8", "replace")
    return bool(compiled(expression).search(text))


def _place(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    if hit.groups.get("path", "").startswith(("/usr/", "/bin/", "/sbin/", "/opt/")):
        return None  # a program of the system
    return {key: value for key, value in hit.groups.items() if value}


def _plan_folder(specifics: Mapping[str, str], context: FailureContext) -> tuple[Action, ...]:
    """Run in the folder that has the file, when there is just one such folder."""
    wanted = specifics.get("file") or specifics.get("path", "")
    name = wanted.replace("\\", "/").removeprefix("./")
    if context.project is None or not name:
        return ()
    for tail in (name, name.rsplit("/", 1)[-1]):
        folders = [folder for folder in context.project.folders_with(tail) if folder != context.cwd]
        if len(folders) == 1:
            why = f"{tail} is in {folders[0]}, not where the command was run: run it there."
            return (run_in(folders[0], why),)
    return ()


def _manifest(name: str):  # type: ignore[no-untyped-def]
    def refine(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
        del context
        return {"file": name, **{key: value for key, value in hit.groups.items() if value}}

    return refine


def _tests(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    # A test runner that tests itself prints its own summaries as captured output.
    if _has_near(
        hit,
        r"-{4,} Captured|pytester|testdir|pytest-of-|\+ where|assert_outcomes|ZeroDivisionError",
    ):
        return None
    if _has_near(
        hit,
        r"\b[1-9]\d* (?:errors?|failed|passed|deselected|skipped)\b|ERROR collecting|Interrupted: \d+ error|ImportError|SyntaxError",
    ):
        return None
    return {key: value for key, value in hit.groups.items() if value}


def _test_path(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    if _has_near(hit, r"-{4,} Captured|pytester|testdir|pytest-of-"):
        return None
    del context
    return {key: value for key, value in hit.groups.items() if value}


def _plan_tests(specifics: Mapping[str, str], context: FailureContext) -> tuple[Action, ...]:
    path = specifics.get("path", "").split("::", 1)[0].replace("\\", "/")
    if path and context.project is not None:
        name = path.rsplit("/", 1)[-1]
        folders = context.project.folders_with(name)
        if len(folders) == 1:
            found = name if folders[0] == "." else f"{folders[0]}/{name}"
            return (
                Action(
                    ActionKind.ADJUST_TEST_COMMAND,
                    Risk.APPLY,
                    f"{path} does not exist, {found} does: test that.",
                    {"path": found},
                ),
            )
    return (
        Action(
            ActionKind.ADJUST_TEST_COMMAND,
            Risk.ASK,
            "Look for the project's tests anew and run those.",
            {"path": ""},
        ),
    )


def _plan_scope(specifics: Mapping[str, str], context: FailureContext) -> tuple[Action, ...]:
    paths = context.out_of_scope or tuple(filter(None, [specifics.get("path", "").strip()]))
    if not context.out_of_scope:
        return ()
    return (
        Action(
            ActionKind.REVERT_OUT_OF_SCOPE,
            Risk.APPLY,
            "Take back the changes outside of the scope and keep the others.",
            {"paths": "\n".join(paths)},
        ),
    )


PATTERNS = (
    PatternSpec(
        id="scope_mismatch",
        family=Family.SCOPE_MISMATCH,
        priority=1,
        reading=Reading.WARNING,
        expressions=(
            r"(?i)(?:patch|diff|change|edit)s? (?:attempts? to modify|touch(?:es|ed)?|modif(?:y|ies|ied)) (?:an? )?(?:protected|forbidden|read-only|out-of-scope) (?:path|file)s?:?\s*(?P<path>[\w./\\\-]*)",
            r"(?i)(?:patch|diff|changes?) (?:was |were |is )?(?:rejected|refused|blocked)[^\n]{0,40}(?:protected path|scope|outside)",
            r"(?i)(?:is|are|file|path|changes?) (?:lies? )?(?:outside(?: of)?|not in|beyond) (?:the |its )?(?:allowed|permitted|phase's|declared|configured) (?:scope|paths?|files?|directories)\b",
            r"(?i)(?:outside|out) of (?:the )?(?:allowed )?scope: (?P<path>[\w./\\\-]+)",
            r"(?i)scope violation|protected path violation",
            r"(?i)\b(?:patch|diff|change|edit|write|modif\w+|file|path)\w*\b[^\n]{0,60}\b(?:outside|out of|beyond)(?: of)? (?:the |its )?(?:allowed|permitted|declared|approved|configured|phase(?:'s)?|task(?:'s)?) (?:scope|paths?|files?|directories|folders)\b",
            r"(?i)(?:error|fail\w*|reject\w*|refus\w*|abort\w*|block\w*|denied)\b[^\n]{0,60}\b(?:change|edit|write|modif\w+)\w* (?:to )?(?:an? |the )?protected (?:path|file|folder|director)",
        ),
        advice="The change touches files that the phase may not change: take those hunks back.",
        refine=_place,
        plan=_plan_scope,
        by_fact=lambda context: bool(context.out_of_scope),
        must_match=(
            "ERROR: Patch attempts to modify protected path: src/shop/auth.py\n",
            "error: the patch has files outside the allowed paths: docs/cart.md\n",
            "apply refused: change to protected file .gitignore\n",
        ),
        must_not_match=("NameError: name 'cart' is not defined in this scope\n",),
    ),
    PatternSpec(
        id="wrong_working_dir",
        family=Family.WRONG_WORKING_DIR,
        priority=4,
        expressions=(
            r"(?:python|pypy)[\d.]*(?:\.exe)?: can't open file '(?P<path>[^'\n]{1,300})': \[Errno 2\]",
            r"Could not open requirements file: \[Errno 2\][^\n]*: '(?P<file>[^'\n]{1,300})'",
            r"neither '(?P<file>setup\.py)' nor 'pyproject\.toml' found",
            r"(?:Directory|File) '[^'\n]{1,200}' is not installable",
            r"does not appear to be a Python project",
            r"[Pp]oetry could not find a (?P<file>pyproject\.toml) file",
            r"No `?(?P<file>pyproject\.toml)`? (?:found|file found) in (?:current directory|the current)",
            r"No (?P<file>Pipfile) present at project home|Could not locate (?P<gem>Gemfile)",
            r"(?:error: |ERROR: )?can't find '__main__' module in",
            r"(?:npm ERR!|npm error) (?:enoent )?ENOENT: no such file or directory, (?:open|lstat) '(?P<file>[^'\n]{0,300}package\.json)'",
            r"ENOENT: no such file or directory, (?:open|lstat|stat) '(?P<file>[^'\n]{0,300}(?:package\.json|tsconfig[\w.]*\.json|package-lock\.json))'",
            r"(?:npm ERR!|npm error) (?:enoent )?Could not read package\.json",
            r"Couldn't find a (?P<file>package\.json) file in",
            r"ERR_PNPM_NO_IMPORTER_MANIFEST_FOUND|ERR_PNPM_NO_PKG_MANIFEST|No (?P<file>package\.json) (?:\(or [^)\n]*\) )?was found in",
            r"error TS5(?:057|058|083): (?:Cannot find a tsconfig|The specified path does not exist|Cannot read file)[^\n]*",
            r"could not find `(?P<file>Cargo\.toml)` in `[^`\n]*` or any parent",
            r"manifest path `(?P<path>[^`\n]{1,300})` does not exist",
            r"go: cannot find main module|(?P<file>go\.mod) file not found in current directory or any parent",
            r"go: go\.mod file not found|go: no modules specified|directory [^\s]{1,200} outside (?:main module|available modules)|(?:stat|lstat|open) \S{1,200}: directory not found",
            r"(?:No|no) targets specified and no (?:makefile|Makefile) found",
            r"make(?:\[\d+\])?: (?P<file>[Mm]akefile): No such file or directory",
            r"make(?:\[\d+\])?: \*\*\* (?P<path>[\w./\-]+): No such file or directory\.\s+Stop",
            r"there is no POM in this directory",
            r"The goal you specified requires a project to execute but there is no POM",
            r"POM file (?P<path>\S+) specified with the -f/--file command line argument does not exist",
            r"(?:Directory|directory) '[^'\n]{1,300}' does not contain a Gradle build",
            r"The source directory \"(?P<path>[^\"\n]{1,300})\" does not (?:exist|appear to contain CMakeLists\.txt)",
            r"CMake Error: The source directory",
            r"MSB1003: Specify a project or solution file|MSB1009: Project file does not exist",
            r"Couldn't find a project to run",
            r"Composer could not find a (?P<file>composer\.json) file",
            r"(?:failed to compute cache key|failed to calculate checksum of ref)[^\n]*\"?/?(?P<path>[\w./\-*]+)\"?: not found",
            r"COPY failed: (?:file not found in build context|stat|no source files|forbidden path)[^\n]*",
            r"(?:lstat|stat) /var/lib/docker/tmp/[^\n]{1,200}: no such file or directory",
            r"failed to read dockerfile: open (?P<path>[\w./\-]+): no such file|Cannot locate (?:specified )?Dockerfile",
            r"unable to (?:prepare context|evaluate symlinks in (?:Dockerfile|context) path)",
            r"no configuration file provided: not found|Can't find a suitable configuration file in this directory",
            r"open (?P<path>[^\s:]{0,200}docker-compose\.ya?ml): no such file",
            r"(?m)(?:^|[\s:\d])cd: (?:can't cd to )?(?P<path>[^\s:]{1,200})(?:: No such file or directory|: not found)",
            r"can't cd to (?P<path>\S{1,200})",
            r"(?:ba|da|z|k|a)?sh(?:\.exe)?: (?:line )?(?:\d+: )?(?P<path>(?:\.{0,2}/)?[\w.\-]+(?:/[\w.\-]+)+): (?:No such file or directory|not found)",
            r"(?m)(?:ba|da|z|k|a)?sh(?:\.exe)?: (?:0: |\d+: )?(?:(?:can't|cannot|Can't) open |Can't open |cannot open )(?P<path>[\w./\-]+\.\w+)(?:: No such file|$|\s)",
            r"(?:ba|da|z|k|a)?sh(?:\.exe)?: (?:line )?(?:\d+: )?(?P<path>[\w.\-]+\.(?:sh|py|pl|rb|js)): (?:No such file or directory|not found)",
            r"(?m)(?:no such file or directory|command not found): (?P<path>\./[\w./\-]+)",
            r"exec: \"(?P<path>\.{0,2}/[\w./\-]+)\": (?:stat [^\n:]+: )?no such file or directory",
            r"Error: Cannot find module '(?P<path>(?:/|[A-Z]:\\)[^'\n]{1,300}\.(?:js|ts|mjs|cjs))'\n[^\n]*Require stack:\s*$",
            r"tox\.ini not found|No (?:tox|nox) configuration (?:file )?found|Noxfile not found|tox config file \(either [^\n]*not found",
            r"Can't find a root directory while resolving a config file path",
            r"ERR! path [^\n]*package\.json\n[^\n]*ENOENT",
            r"Error: Unknown command: '(?P<file>manage\.py)|can't open file 'manage\.py'",
            r"fatal: cannot change to '(?P<path>[^'\n]{1,300})': No such file",
            r"(?:lerna|nx|turbo)[^\n]{0,30}(?:ENOLERNA|Could not find (?:turbo\.json|nx\.json))|Could not find turbo\.json",
            r"(?:ansible-playbook|ERROR!)[^\n]{0,40}the playbook: (?P<path>\S+) could not be found",
            r"FileNotFoundError: \[Errno 2\] No such file or directory: '(?P<file>(?:[^'\n]{0,200}/)?(?:requirements[\w.\-]*\.txt|setup\.py|setup\.cfg|pyproject\.toml|README\.(?:md|rst)|VERSION|package\.json|manage\.py))'",
            r"Error: (?:Invalid value|Path)[^\n]{0,80}(?:[Pp]ath|[Ff]ile|[Dd]irectory) '(?P<path>[^'\n]{1,200})' does not exist",
            r"java: Unable to access jarfile|(?:Error: )?Unable to access jarfile (?P<path>\S+)",
            r"Error: Could not find or load main class org\.gradle\.wrapper\.GradleWrapperMain",
        ),
        advice="The file is not where the command looks: run in the folder that has it.",
        refine=_place,
        plan=_plan_folder,
        must_match=(
            "python: can't open file '/srv/shop/manage.py': [Errno 2] No such file or directory\n",
            "npm error enoent Could not read package.json: Error: ENOENT\n",
            "error: could not find `Cargo.toml` in `/srv` or any parent directory\n",
            "bash: ./build.sh: No such file or directory\n",
        ),
        must_not_match=(
            "FileNotFoundError: [Errno 2] No such file or directory: 'prices.csv'\n",
            "/bin/sh: 1: jq: not found\n",
        ),
    ),
    PatternSpec(
        id="missing_test_path",
        family=Family.MISSING_TEST_DISCOVERY,
        priority=3,
        expressions=(
            r"(?m)ERROR: file or directory not found: ?(?P<path>[^\n]{0,300})$",
            r"(?m)ERROR: not found: (?P<path>[^\n]{1,300})$",
            r"(?m)ERROR: found no collectors for (?P<path>[^\n]{1,300})$",
            r"error: no test target named `(?P<path>[\w\-]+)`",
        ),
        advice="The test path does not exist: name one that does.",
        refine=_test_path,
        plan=_plan_tests,
        must_match=("ERROR: file or directory not found: tests/test_cart.py\n",),
        must_not_match=("ERROR: file not readable\n", "# ERROR: file or directory not found: tests\n"),
    ),
    PatternSpec(
        id="missing_test_discovery",
        family=Family.MISSING_TEST_DISCOVERY,
        priority=6,
        expressions=(
            r"={3,} no tests ran in [\d.]+ ?s",
            r"(?m)^no tests ran in [\d.]+ ?s",
            r"no tests collected in [\d.]+s",
            r"No tests found, exiting with code 1",
            r"No test(?: suite)? files found(?:, exiting with code 1|[:.]|$)",
            r"Error: No test files found",
            r"(?m)^\s*NO TESTS RAN\s*$",
            r"(?m)^Ran 0 tests in [\d.]+s",
            r"No tests were executed",
            r"No tests (?:matching pattern|were found|found for (?:the )?given includes)",
            r"No tests found (?:for given includes|in|related to files)",
            r"(?m)^Error: No tests found\.?\s*$",
            r"No tests to run!?\s*$",
            r"Can't run because no spec files were found",
            r"Executed 0 of 0 (?:ERROR|DISCONNECTED|SUCCESS)",
            r"No test (?:is available in|matches the given testcase filter)",
            r"(?m)^No examples found\.",
            r"error: no tests? (?:to run|found|matched)",
            r"go: warning: \"[^\"\n]+\" matched no packages|no packages to test",
            r"ERROR: No tests? (?:were )?(?:found|collected|discovered)",
        ),
        advice="The runner found no test: check its path, names and configuration.",
        unless=(r"\[INFO\]",),
        refine=_tests,
        plan=_plan_tests,
        must_match=(
            "collected 0 items\n\n============ no tests ran in 0.01s ============\n",
            "No tests found, exiting with code 1\n",
        ),
        must_not_match=(
            "collected 0 items / 1 error\n============ 1 error in 0.20s ============\n",
            "?   	example.org/shop/cmd	[no test files]\n",
        ),
    ),
    PatternSpec(
        id="missing_generated_file",
        family=Family.MISSING_FIXTURE,
        priority=7,
        expressions=(
            r"(?:FileNotFoundError: \[Errno 2\] No such file or directory|ENOENT: no such file or directory, open):? '(?P<path>(?:[^'\n]{0,200}/)?(?:generated|__generated__)/[^'\n]{1,200})'",
        ),
        advice="A generated file is missing: run what generates it first.",
        refine=_place,
        must_match=("Error: ENOENT: no such file or directory, open 'src/generated/api.ts'\n",),
        must_not_match=("Error: ENOENT: no such file or directory, open 'prices.csv'\n",),
    ),
)  # fmt: skip
