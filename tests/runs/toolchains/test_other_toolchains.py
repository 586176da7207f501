"""Node, Go, Rust and Java: managers, workspaces and wrappers."""

import pytest

from tests.runs.toolchains.trees import detect, only

DEPENDENT = '{"scripts": {"test": "jest"}, "devDependencies": {"jest": "29"}}'


@pytest.mark.parametrize(
    ("lock", "install"),
    [
        ("package-lock.json", ("npm", "ci", "--no-audit", "--no-fund")),
        ("pnpm-lock.yaml", ("pnpm", "install", "--frozen-lockfile")),
        ("yarn.lock", ("yarn", "install", "--non-interactive", "--frozen-lockfile")),
        ("README.md", ("npm", "install", "--no-audit", "--no-fund")),
    ],
)
def test_the_lock_file_chooses_the_node_manager(lock: str, install: tuple[str, ...]) -> None:
    found = only({"package.json": DEPENDENT, lock: ""})
    assert found.install[0].argv == install
    assert found.test[0].argv == (install[0], "test")
    assert found.requires == ("node", install[0])


def test_the_package_manager_field_wins_over_lock_files() -> None:
    package = '{"packageManager": "yarn@4.1.0", "dependencies": {"a": "1"}}'
    found = only({"package.json": package, "package-lock.json": "{}", "yarn.lock": ""})
    assert found.install[0].argv == ("yarn", "install", "--immutable")


def test_a_node_project_without_dependencies_installs_nothing() -> None:
    assert only({"package.json": '{"scripts": {"test": "node --test"}}'}).install == ()


def test_the_test_script_that_npm_init_writes_is_no_test() -> None:
    package = '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'
    assert only({"package.json": package}).test == ()
    assert only({"package.json": package, "a.test.js": ""}).test[0].argv == ("node", "--test")


def test_a_declared_runner_is_used_without_a_script() -> None:
    found = only({"package.json": '{"devDependencies": {"vitest": "1"}}'})
    assert found.test[0].argv == ("npx", "--no-install", "vitest", "run")


def test_scripts_of_build_and_lint_are_taken() -> None:
    found = only({"package.json": '{"scripts": {"build": "tsc", "lint": "eslint ."}}'})
    assert found.build[0].argv == ("npm", "run", "build")
    assert found.smoke[0].argv == ("npm", "run", "lint")


def test_a_workspace_speaks_for_its_members_only() -> None:
    found = detect(
        {
            "package.json": '{"workspaces": ["packages/*", "!packages/old"]}',
            "packages/a/package.json": DEPENDENT,
            "packages/old/package.json": DEPENDENT,
            "packages/a/deep/package.json": DEPENDENT,
        }
    )
    assert {d.root for d in found} == {".", "packages/old", "packages/a/deep"}
    assert found[0].test[0].argv == ("npm", "test", "--workspaces", "--if-present")
    assert "packages/a/package.json" in found[0].manifests


def test_a_pnpm_workspace_is_read_from_its_own_file() -> None:
    yaml = "# x\npackages:\n  - 'apps/**'  # all\nother:\n  - libs/*\n"
    files = {
        "package.json": "{}",
        "pnpm-lock.yaml": "",
        "pnpm-workspace.yaml": yaml,
        "apps/a/b/package.json": DEPENDENT,
        "libs/c/package.json": DEPENDENT,
    }
    found = {d.root: d for d in detect(files)}
    assert set(found) == {".", "libs/c"}
    assert found["."].test[0].argv == ("pnpm", "--recursive", "--if-present", "test")


def test_a_go_workspace_tests_each_module() -> None:
    found = only(
        {
            "go.work": "go 1.22\nuse (\n\t./a // first\n\t./b\n\t../outside\n)\n",
            "a/go.mod": "module a\n",
            "b/go.mod": "module b\n",
        }
    )
    assert [(c.argv, c.cwd) for c in found.test] == [
        (("go", "test", "./..."), "a"),
        (("go", "test", "./..."), "b"),
    ]
    assert found.requires == ("go",)


def test_a_cargo_workspace_speaks_for_its_members() -> None:
    found = only(
        {
            "Cargo.toml": '[workspace]\nmembers = ["x"]\n',
            "Cargo.lock": "",
            "x/Cargo.toml": '[package]\nname = "x"\n',
        }
    )
    assert found.test[0].argv == ("cargo", "test", "--workspace")
    assert found.install[0].argv == ("cargo", "fetch", "--locked")
    assert "x/Cargo.toml" in found.manifests


def test_separate_crates_are_separate_projects() -> None:
    found = detect({f"{n}/Cargo.toml": f'[package]\nname = "{n}"\n' for n in "ab"})
    assert [(d.root, d.test[0].argv) for d in found] == [
        ("a", ("cargo", "test")),
        ("b", ("cargo", "test")),
    ]


def test_maven_prefers_its_wrapper_and_speaks_for_its_modules() -> None:
    files = {"pom.xml": "<project/>", "core/pom.xml": "<project/>"}
    found = only(files)
    assert found.test[0].argv == ("mvn", "-B", "test")
    assert found.requires == ("mvn",)
    assert any("surefire" in glob for glob in found.test[0].junit_globs)
    wrapped = only({**files, "mvnw": "", "mvnw.cmd": ""})
    assert wrapped.requires == ("java",)
    assert "mvnw" in " ".join(wrapped.test[0].argv)


def test_gradle_prefers_its_wrapper_and_starts_no_daemon() -> None:
    found = only({"settings.gradle.kts": "", "app/build.gradle.kts": "", "gradlew": "",
                  "gradlew.bat": ""})  # fmt: skip
    assert "--no-daemon" in found.test[0].argv
    assert found.requires == ("java",)
    assert found.test[0].junit_globs == ("**/build/test-results/**/TEST-*.xml",)
