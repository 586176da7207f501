"""What of a real diff may stay, and why the rest may not."""

import sys
from pathlib import Path

import pytest

from runs.execution.diffs.diff import ChangeKind, FileChange, diff_parse
from runs.execution.governance import GovernanceRules, Verdict, Violation, govern
from tests.runs.execution.diff_repository import Repository

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and names of POSIX")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "repository")
    repository.write("src/a.py", "a = 1\n")
    repository.write("src/b.py", "b = 1\n" * 20)
    repository.write("docs/index.md", "# Title\n")
    repository.write("poetry.lock", "x\n")
    repository.commit()
    return repository


def judge(repository: Repository, rules: GovernanceRules | None = None) -> Verdict:
    changes = diff_parse(repository.raw())
    return govern(changes, rules or GovernanceRules(), read_link=repository.read_link)


def violations(verdict: Verdict) -> dict[str, tuple[Violation, ...]]:
    return {file.path: file.violations for file in verdict.files if not file.allowed}


def added(path: str, **values: object) -> FileChange:
    """An added empty file, for names that a checkout could not hold."""
    fields: dict[str, object] = {
        "path": path, "old_path": None, "kind": ChangeKind.ADDED, "old_mode": "000000",
        "new_mode": "100644", "added_lines": 0, "deleted_lines": 0, "is_binary": False,
        "patch": b"", **values,
    }  # fmt: skip
    return FileChange(**fields)  # type: ignore[arg-type]  # built from a dict on purpose


def judge_names(*paths: str, rules: GovernanceRules | None = None) -> dict[str, tuple[str, ...]]:
    verdict = govern([added(path) for path in paths], rules or GovernanceRules(), read_link=str)
    return {file.path: tuple(map(str, file.violations)) for file in verdict.files}


def test_without_a_scope_the_whole_repository_may_change(repository: Repository):
    repository.write("src/a.py", "a = 2\n")
    repository.write("anywhere/new.py", "n = 1\n")
    verdict = judge(repository)
    assert verdict.ok
    assert verdict.explanation == "all 2 changed files are allowed"
    assert verdict.out_of_scope_patch == b""


def test_only_what_the_scope_covers_may_change(repository: Repository):
    repository.write("src/a.py", "a = 2\n")
    repository.write("src/new.py", "n = 1\n")
    repository.write("docs/index.md", "# Other\n")
    repository.write("tests/test_a.py", "t = 1\n")
    (repository.folder / "src/b.py").unlink()
    verdict = judge(repository, GovernanceRules(modify=("src/",), create=("tests/test_*.py",)))
    assert violations(verdict) == {"docs/index.md": (Violation.OUT_OF_SCOPE,)}
    assert not verdict.ok
    assert "`docs/index.md` is outside of the phase's scope" in verdict.explanation
    assert "add these paths to it" in verdict.explanation


def test_a_rename_needs_both_ends_in_the_scope(repository: Repository):
    (repository.folder / "src/b.py").rename(repository.folder / "docs/b.py")
    assert not judge(repository, GovernanceRules(create=("docs/",))).ok
    assert not judge(repository, GovernanceRules(modify=("src/",))).ok
    assert judge(repository, GovernanceRules(modify=("src/",), create=("docs/",))).ok


def test_the_allowed_part_applies_to_the_base_without_the_refused_one(repository: Repository):
    repository.write("src/logo.png", b"\x89PNG\0\1\2" * 9)
    repository.commit()
    repository.write("src/logo.png", b"\x89PNG\0\3\4" * 9)
    repository.write("src/a.py", "a = 2")
    repository.write("src/sp ace/ü.txt", "u\n")
    repository.write("src/empty", "")
    (repository.folder / "src/b.py").rename(repository.folder / "src/c.py")
    (repository.folder / "src/a.py").chmod(0o755)
    repository.write("docs/index.md", "# Other\n")
    repository.write("other.bin", b"\0\1")
    verdict = judge(repository, GovernanceRules(modify=("src/",)))
    assert set(violations(verdict)) == {"docs/index.md", "other.bin"}

    whole = repository.git("ls-tree", "-r", "-z", repository.git("write-tree").decode().strip())
    base = repository.tree_after(b"").split(b"\0")
    allowed = repository.tree_after(verdict.in_scope_patch).split(b"\0")
    refused = repository.tree_after(verdict.out_of_scope_patch).split(b"\0")
    in_src = [entry for entry in whole.split(b"\0") if b"\tsrc/" in entry]
    assert [entry for entry in allowed if b"\tsrc/" in entry] == in_src
    assert [e for e in allowed if b"\tsrc/" not in e] == [e for e in base if b"\tsrc/" not in e]
    assert [entry for entry in refused if b"\tsrc/" in entry] == [
        entry for entry in base if b"\tsrc/" in entry
    ]
    assert repository.tree_after(verdict.in_scope_patch + verdict.out_of_scope_patch) == whole


def test_a_file_that_replaces_a_refused_removal_is_refused_too(repository: Repository):
    (repository.folder / "docs/index.md").unlink()
    (repository.folder / "docs").rmdir()
    repository.write("docs", "now a file\n")
    verdict = judge(repository, GovernanceRules(create=("docs", "!docs/**")))
    assert set(violations(verdict)) == {"docs", "docs/index.md"}
    assert repository.tree_after(verdict.in_scope_patch) == repository.tree_after(b"")


@pytest.mark.parametrize(
    ("path", "violation"),
    [
        (".git/config", "git_internal"),
        ("sub/.GIT/hooks/pre-commit", "git_internal"),
        (".git./config", "git_internal"),
        (".git::$INDEX_ALLOCATION/x", "git_internal"),
        ("GIT~1/config", "git_internal"),
        (".g\u200cit/config", "git_internal"),
        (".env", "protected"),
        ("deploy/.env.production", "protected"),
        ("certs/server.pem", "protected"),
        (".ssh/id_rsa", "protected"),
        (".gitmodules", "protected"),
        (".github/workflows/ci.yml", "protected"),
        (".gitlab-ci.yml", "protected"),
        (".circleci/config.yml", "protected"),
        ("Jenkinsfile", "protected"),
        ("azure-pipelines.yml", "protected"),
        (".ci/run", "protected"),
        ("poetry.lock", "lock_file"),
        ("web/package-lock.json", "lock_file"),
        ("Cargo.lock", "lock_file"),
        ("go.sum", "lock_file"),
        ("a:b.txt", "windows_name"),
        ("src/aux.c", "windows_name"),
        ("src/name.", "windows_name"),
    ],
)
def test_protected_names_are_refused_in_any_scope_that_does_not_list_them(path, violation):
    for scope in ((), ("**",), ("*",), (f"{path.split('/')[0]}/**", "*")):
        assert violation in judge_names(path, rules=GovernanceRules(modify=scope))[path]


@pytest.mark.parametrize(
    "path",
    [
        ".env.example", ".env.sample", ".env.template", ".github/dependabot.yml", "id_rsa.pub",
        "src/gitlab.py", ".gitignore", "legit/config", "lock.py", "src/auxiliary.c", "Jenkins.md",
        "environment.env.md",
    ],
)  # fmt: skip
def test_names_that_only_look_similar_are_fine(path: str):
    assert judge_names(path) == {path: ()}


@pytest.mark.parametrize(
    "path", [".github/workflows/ci.yml", "certs/server.pem", ".gitmodules", "poetry.lock", "aux.c"]
)
def test_listing_the_exact_path_allows_it(path: str):
    assert judge_names(path, rules=GovernanceRules(create=(path,))) == {path: ()}
    assert judge_names(path, rules=GovernanceRules(modify=(f"./{path}",))) == {path: ()}


@pytest.mark.parametrize("path", [".git/config", ".env", "a/.env.local"])
def test_git_and_deployment_settings_cannot_be_listed(path: str):
    assert judge_names(path, rules=GovernanceRules(create=(path,)))[path] != ()


@pytest.mark.parametrize(
    ("pattern", "is_listed"),
    [
        ("package-lock.json", True),
        ("**/package-lock.json", True),
        ("web/*lock*", True),
        ("web/package-lock.json", True),
        ("other/package-lock.json", False),
        ("web/", False),
        ("*.json", False),
        ("**", False),
        ("yarn.lock", False),
    ],
)
def test_a_lock_file_has_to_be_meant(pattern: str, is_listed: bool):  # noqa: FBT001 - a case of the table
    path = "web/package-lock.json"
    scope = GovernanceRules(modify=(pattern, "web/"))
    assert (judge_names(path, rules=scope)[path] == ()) is is_listed


def test_a_project_protects_paths_of_its_own():
    rules = GovernanceRules(modify=("src/",), protected=("src/legal/", "*.sql"))
    assert judge_names("src/legal/a.txt", "src/x.sql", "src/y.py", rules=rules) == {
        "src/legal/a.txt": ("protected",),
        "src/x.sql": ("protected",),
        "src/y.py": (),
    }


def test_what_our_own_actions_wrote_is_in_scope():
    rules = GovernanceRules(modify=("src/",), allowed_placed_files=("poetry.lock", "setup.cfg"))
    names = judge_names("poetry.lock", "setup.cfg", "tox.ini", rules=rules)
    assert names == {"poetry.lock": (), "setup.cfg": (), "tox.ini": ("out_of_scope",)}


def test_git_attributes_are_fine_until_they_filter_or_hide(repository: Repository):
    repository.write(".gitattributes", "*.sh text eol=lf\n")
    assert judge(repository).ok
    repository.write(".gitattributes", "*.py filter=evil\n")
    assert violations(judge(repository)) == {".gitattributes": (Violation.PROTECTED,)}
    repository.write(".gitattributes", "*.py -diff\n")
    assert violations(judge(repository)) == {".gitattributes": (Violation.PROTECTED,)}
    assert judge(repository, GovernanceRules(modify=(".gitattributes",))).ok


@pytest.mark.parametrize(
    ("target", "is_allowed"),
    [
        ("a.py", True),
        ("../docs/index.md", True),
        ("./deep/../a.py", False),
        ("../../outside", False),
        ("/etc/passwd", False),
        ("../.git/config", False),
        ("C:\\Windows", False),
        ("..\\..\\x", False),
        ("..", True),
        ("../..", False),
    ],
)
def test_links_stay_inside(repository: Repository, target: str, is_allowed: bool):  # noqa: FBT001 - a case of the table
    (repository.folder / "src/link").symlink_to(target)
    expected = {} if is_allowed else {"src/link": (Violation.SYMLINK_ESCAPE,)}
    assert violations(judge(repository)) == expected


def test_a_link_that_moves_up_is_judged_where_it_is_now(repository: Repository):
    (repository.folder / "src/link").symlink_to("../docs/index.md")
    repository.commit()
    (repository.folder / "src/link").rename(repository.folder / "link")
    assert violations(judge(repository)) == {"link": (Violation.SYMLINK_ESCAPE,)}


def test_a_link_that_cannot_be_read_is_refused():
    def read_link(path: str) -> str:
        raise FileNotFoundError(path)

    verdict = govern([added("l", new_mode="120000")], GovernanceRules(), read_link=read_link)
    assert verdict.files[0].violations == (Violation.SYMLINK_ESCAPE,)


def test_submodules_have_to_be_listed(repository: Repository):
    Repository(repository.folder / "vendor/inner").commit()
    assert violations(judge(repository)) == {"vendor/inner": (Violation.SUBMODULE,)}
    assert judge(repository, GovernanceRules(create=("vendor/inner",))).ok


def test_names_that_differ_by_case_only_collide():
    assert judge_names("src/README.md", "src/Readme.md")["src/Readme.md"] == ("case_collision",)
    verdict = govern(
        [added("Makefile")],
        GovernanceRules(),
        read_link=str,
        case_twin={"Makefile": "makefile"}.get,
    )
    assert verdict.files[0].violations == (Violation.CASE_COLLISION,)


def test_a_rename_that_changes_case_only_is_no_collision(repository: Repository):
    repository.git("mv", "src/b.py", "src/B.py")
    verdict = govern(
        diff_parse(repository.raw()),
        GovernanceRules(),
        read_link=repository.read_link,
        case_twin={"src/B.py": "src/b.py"}.get,
    )
    assert verdict.ok


def test_limits_hold_for_the_whole_and_for_each_file(repository: Repository):
    for number in range(4):
        repository.write(f"new/{number}.py", "x = 1\n" * 10)
    (repository.folder / "src/b.py").unlink()
    (repository.folder / "docs/index.md").unlink()

    def whole(**limits: int) -> tuple[Violation, ...]:
        return judge(repository, GovernanceRules(**limits)).violations  # type: ignore[arg-type]  # limits only

    assert whole() == ()
    assert whole(max_files=5) == (Violation.TOO_LARGE,)
    assert whole(max_files=6) == ()
    assert whole(max_added_lines=39) == (Violation.TOO_LARGE,)
    assert whole(max_deleted_files=1) == (Violation.TOO_MANY_DELETIONS,)
    assert whole(max_deleted_lines=20) == (Violation.TOO_MANY_DELETIONS,)
    verdict = judge(repository, GovernanceRules(max_deleted_files=1))
    assert not verdict.ok
    assert "deletes 2 files, more than the 1 allowed" in verdict.explanation
    assert judge(repository, GovernanceRules(max_file_bytes=400)).ok
    refused = violations(judge(repository, GovernanceRules(max_file_bytes=100)))
    assert refused["new/0.py"] == (Violation.TOO_LARGE,)


def test_a_binary_is_measured_unpacked(repository: Repository):
    repository.write("zeros.bin", b"\0" * 6_000_000)
    assert violations(judge(repository)) == {"zeros.bin": (Violation.TOO_LARGE,)}


def test_a_secret_is_refused_with_redacted_evidence(repository: Repository):
    token = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
    repository.write("src/a.py", f"a = 1\nTOKEN = '{token}'\n")
    verdict = judge(repository)
    assert violations(verdict) == {"src/a.py": (Violation.SECRET,)}
    (file,) = verdict.files
    found = file.secrets[0]
    assert (found.detector, found.path, found.line) == ("GitHub token", "src/a.py", 2)
    assert "ghp_... (40 characters)" in verdict.explanation
    assert token not in repr(verdict.files) + verdict.explanation


def test_an_explanation_names_the_first_files_and_stays_short(repository: Repository):
    for number in range(40):
        repository.write(f"other/{number:02}.py", "x\n")
    verdict = judge(repository, GovernanceRules(modify=("src/",)))
    assert verdict.explanation.startswith("40 of 40 changed files are refused: `other/00.py` is")
    assert "and 35 more" in verdict.explanation
    assert len(verdict.explanation) < 500


def test_a_hostile_name_is_escaped_in_the_explanation():
    name = "a\x1b[31m\n\udce9.py"
    verdict = govern([added(name)], GovernanceRules(modify=("src/",)), read_link=str)
    assert verdict.explanation.isprintable()
    verdict.explanation.encode("utf-8")
