"""Python projects: what has to be installed, who runs the tests, and what was decided."""

import pytest

from runs.toolchains.types import LocalProject, PythonInstall
from tests.runs.toolchains.trees import detect, only

PLAIN_TEST = {"tests/test_a.py": "def test_a():\n    assert True\n"}
BUILD = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'


def install_of(files: dict[str, str]) -> PythonInstall:
    install = only(files).python
    assert install is not None
    return install


def test_bare_tests_are_a_project_and_get_pytest() -> None:
    found = only(PLAIN_TEST)
    assert found.test[0].argv == ("python", "-m", "pytest")
    assert found.python
    assert found.python.packages == ("pytest",)
    assert any("nothing declares it" in reason for reason in found.reasons)


def test_bare_scripts_are_hardly_a_project() -> None:
    assert only({"a.py": ""}).confidence < 0.5
    assert only({"a.py": ""}).test == ()


def test_a_pyproject_for_tools_alone_is_not_trusted_without_code() -> None:
    assert only({"pyproject.toml": "[tool.ruff]\n"}).confidence < 0.5


def test_requirement_files_of_the_base_and_of_tests_are_read_with_their_includes() -> None:
    install = install_of(
        {
            **PLAIN_TEST,
            "requirements.txt": "\ufeff# base\nflask>=2 # web\n-c constraints.txt\n",
            "requirements-dev.txt": "-r requirements.txt\npytest\nruff \\\n  ==0.1\n",
            "requirements-docs.txt": "sphinx\n",
            "constraints.txt": "werkzeug==3.0\n",
        }
    )
    assert install.requirements == ("flask>=2", "pytest", "ruff ==0.1")
    assert install.constraints == ("werkzeug==3.0",)
    assert install.packages == ()
    assert install.requirement_files == (
        "requirements.txt", "constraints.txt", "requirements-dev.txt",
    )  # fmt: skip


def test_a_folder_of_requirement_files_is_read() -> None:
    install = install_of(
        {
            **PLAIN_TEST,
            "manage.py": "",
            "requirements/base.txt": "django\n",
            "requirements/test.txt": "-r base.txt\npytest\n",
            "requirements/production.txt": "gunicorn\n",
        }
    )
    assert install.requirements == ("django", "pytest")


def test_include_loops_and_missing_includes_are_said() -> None:
    found = only({"requirements.txt": "-r requirements.txt\n-r gone.txt\n-r ../../etc/x\n"
                  "--exec=rm\nflask\n", "a.py": ""})  # fmt: skip
    assert found.python
    assert found.python.requirements == ("flask",)
    assert any("gone.txt" in r for r in found.reasons)
    assert any("leads out" in r for r in found.reasons)
    assert any("--exec" in r for r in found.reasons)


def test_index_options_become_single_arguments() -> None:
    install = install_of(
        {
            "a.py": "",
            "requirements.txt": "--no-index\n-f ./wheels\n--extra-index-url https://x.test/simple\na\n",
            "wheels/a-1-py3-none-any.whl": "",
        }
    )
    assert install.options == (
        "--no-index",
        "--find-links=./wheels",
        "--extra-index-url=https://x.test/simple",
    )
    assert install.local_paths == ("wheels",)


def test_local_requirements_are_told_from_names() -> None:
    install = install_of(
        {
            "a.py": "",
            "requirements.txt": "./vendor/tiny[x] ; python_version > '3'\n../outside\n"
            "tool @ https://x.test/t.whl\n-e git+https://x.test/r.git#egg=r\nlibs/z.whl\n",
            "vendor/tiny/setup.py": "",
            "libs/z.whl": "",
        }
    )
    assert install.requirements == (
        "./vendor/tiny[x] ; python_version > '3'",
        "tool @ https://x.test/t.whl",
        "git+https://x.test/r.git#egg=r",
        "./libs/z.whl",
    )
    assert install.local_paths == ("vendor/tiny", "libs/z.whl")


def test_files_of_a_local_requirement_decide_the_environment() -> None:
    found = only({"a.py": "", "requirements.txt": "./vendor/t\n", "vendor/t/setup.py": "",
                  "vendor/t/t.py": ""})  # fmt: skip
    assert {"vendor/t/setup.py", "vendor/t/t.py", "requirements.txt"} <= set(found.manifests)


def test_an_editable_project_of_the_repository_is_installed_with_its_own_dependencies() -> None:
    files = {
        "a.py": "",
        "requirements.txt": "-e libs/core[fast]\n",
        "libs/core/setup.cfg": "[metadata]\nname = core\n[options]\ninstall_requires =\n  attrs\n"
        "[options.extras_require]\nfast = orjson\n",
    }
    install = next(d.python for d in detect(files) if d.root == ".")
    assert install is not None
    assert install.requirements == ("attrs", "orjson")
    assert install.projects == (LocalProject("libs/core", ("fast",)),)


def test_a_flat_project_is_not_installed() -> None:
    project = f'{BUILD}[project]\nname = "a"\nversion = "1"\ndependencies = ["attrs"]\n'
    install = install_of({"pyproject.toml": project, "a/__init__.py": "", **PLAIN_TEST})
    assert install.projects == ()
    assert install.source_paths == (".",)
    assert install.requirements == ("attrs",)


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({"src/a/__init__.py": ""}, "src layout"),
        ({"a/__init__.py": "from importlib.metadata import version"}, "metadata"),
        ({"a/__init__.py": "", "entry": "x"}, "entry points"),
    ],
)
def test_a_project_is_installed_where_importing_it_is_not_enough(
    extra: dict[str, str], why: str
) -> None:
    scripts = '[project.scripts]\na = "a:main"\n' if "entry" in extra else ""
    found = only(
        {"pyproject.toml": f'{BUILD}[project]\nname = "a"\nversion = "1"\n{scripts}', **extra}
    )
    assert found.python
    assert found.python.projects == (LocalProject("."),)
    assert any(why in reason for reason in found.reasons)


def test_sources_without_a_manifest_are_made_importable() -> None:
    install = install_of({"src/a/__init__.py": "", "requirements.txt": "attrs\n"})
    assert install.source_paths == ("src", ".")
    assert install.projects == ()


def test_test_extras_and_groups_are_chosen_and_their_references_followed() -> None:
    project = """
[project]
name = "My.App"
version = "1"
[project.optional-dependencies]
test = ["my-app[speed]", "pytest-cov", "pytest>=8"]
speed = ["orjson"]
docs = ["sphinx"]
[dependency-groups]
tests = [{include-group = "base"}, "hypothesis"]
base = ["attrs"]
loop = [{include-group = "loop"}]
"""
    install = install_of({"pyproject.toml": project, **PLAIN_TEST})
    assert install.extras == ("test",)
    assert install.groups == ("tests",)
    assert install.requirements == ("orjson", "pytest-cov", "pytest>=8", "attrs", "hypothesis")
    assert install.packages == ()


def test_development_extras_step_in_when_pytest_is_only_there() -> None:
    project = '[project]\nname = "a"\n[project.optional-dependencies]\ntest = ["attrs"]\n\
dev = ["pytest"]\n'
    assert install_of({"pyproject.toml": project, **PLAIN_TEST}).extras == ("test", "dev")


def test_a_line_break_in_a_requirement_smuggles_in_no_option() -> None:
    project = '[project]\nname = "a"\ndependencies = ["attrs\\n--index-url=https://evil.test"]\n'
    install = install_of({"pyproject.toml": project, "a.py": ""})
    assert install.requirements == ("attrs --index-url=https://evil.test",)
    assert install.options == ()


def test_poetry_constraints_and_lock_are_understood() -> None:
    project = """
[tool.poetry]
name = "a"
package-mode = false
[tool.poetry.dependencies]
python = "^3.11"
attrs = "^23.1"
click = {version = "~8.1", extras = ["x"], markers = "python_version < '4'"}
fast = {version = "*", optional = true}
[tool.poetry.group.test.dependencies]
pytest = "8.*"
"""
    lock = '[[package]]\nname = "attrs"\nversion = "23.2.0"\n\
[[package]]\nname = "two"\nversion = "1"\n[[package]]\nname = "two"\nversion = "2"\n'
    found = only({"pyproject.toml": project, "poetry.lock": lock, **PLAIN_TEST})
    install = found.python
    assert install
    assert install.requires_python == ">=3.11,<4"
    assert install.requirements == (
        "attrs>=23.1,<24",
        "click[x]>=8.1,<8.2 ; python_version < '4'",
        "pytest==8.*",
    )
    assert install.constraints == ("attrs==23.2.0",)
    assert "poetry.lock" in found.manifests


def test_a_uv_lock_pins_versions_and_tells_members_apart() -> None:
    lock = """
version = 1
[[package]]
name = "a"
version = "1"
source = { editable = "." }
[[package]]
name = "attrs"
version = "23.2.0"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "forked"
version = "1"
source = { git = "https://x.test/r" }
"""
    project = '[project]\nname = "a"\ndependencies = ["attrs"]\n'
    install = install_of({"pyproject.toml": project, "uv.lock": lock, "a.py": ""})
    assert install.uv_lock == "uv.lock"
    assert install.constraints == ("attrs==23.2.0",)
    assert install.locked_names == ("a", "attrs", "forked")
    assert not install.has_locked_members


def test_a_name_with_a_source_of_its_own_is_never_looked_for_on_an_index() -> None:
    project = """
[project]
name = "a"
dependencies = ["Inner_Lib>=1", "tool", "member", "attrs", "near"]
[tool.uv.sources]
inner-lib = { path = "libs/inner" }
near = { path = "libs/near", editable = true }
tool = { git = "https://x.test/tool", tag = "v1" }
member = { workspace = true }
attrs = { index = "private" }
"""
    files = {"pyproject.toml": project, "a.py": "", "libs/inner/i.py": "", "libs/near/n.py": ""}
    found = next(d for d in detect(files) if d.root == ".")
    assert found.python
    assert found.python.requirements == (
        "./libs/inner", "tool @ git+https://x.test/tool@v1", "attrs",
    )  # fmt: skip
    assert found.python.projects == (LocalProject("libs/near"),)
    assert any("`member` comes from a source" in reason for reason in found.reasons)


def test_a_malformed_lock_is_said_and_pins_nothing() -> None:
    found = only({"requirements.txt": "attrs\n", "uv.lock": "[[package", "a.py": ""})
    assert found.python
    assert found.python.uv_lock == ""
    assert any("uv.lock is not valid TOML" in reason for reason in found.reasons)


def test_a_setup_py_is_read_without_running_it() -> None:
    setup = """
from setuptools import setup
REQUIRED = ["attrs"]
setup(name="a", install_requires=REQUIRED, extras_require={"test": ["pytest"]},
      python_requires=">=3.9", entry_points={"console_scripts": ["a=a:main"]})
raise SystemExit("must not run")
"""
    install = install_of({"setup.py": setup, "a.py": "", **PLAIN_TEST})
    assert install.requirements == ("attrs", "pytest")
    assert install.requires_python == ">=3.9"
    assert install.projects == (LocalProject(".", ("test",)),)


def test_computed_dependencies_are_left_to_the_build() -> None:
    setup = "from setuptools import setup\nsetup(name='a', install_requires=open('r').read())\n"
    found = only({"setup.py": setup, "a.py": ""})
    assert found.python
    assert found.python.projects == (LocalProject(".", has_static_dependencies=False),)


def test_dynamic_dependencies_in_requirement_files_are_static_for_us() -> None:
    project = f'{BUILD}[project]\nname = "a"\ndynamic = ["dependencies"]\n\
[tool.setuptools.dynamic]\ndependencies = {{file = ["requirements.txt"]}}\n'
    files = {"pyproject.toml": project, "requirements.txt": "attrs\n", "a.py": ""}
    install = install_of(files)
    assert install.requirements == ("attrs",)
    assert install.projects == ()


def test_a_django_project_runs_its_own_test_runner() -> None:
    files = {"manage.py": "import django", "app/tests.py": "", "requirements.txt": "django\n"}
    found = only(files)
    assert found.test[0].argv == ("python", "manage.py", "test", "--noinput")
    assert found.smoke[0].argv == ("python", "manage.py", "check")
    assert found.test[0].junit_args == ()


def test_a_django_project_that_configures_pytest_is_run_by_it() -> None:
    files = {
        "manage.py": "import django",
        "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = a.settings\n",
        "app/test_x.py": "",
    }
    found = only(files)
    assert found.test[0].argv == ("python", "-m", "pytest")
    assert found.python
    assert found.python.packages == ("pytest", "pytest-django")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"test_a.py": "import unittest\nclass A(unittest.TestCase): pass"}, ()),
        (
            {"tests/test_a.py": "import unittest", "tests/__init__.py": ""},
            ("-s", "tests", "-t", "."),
        ),
        ({"tests/test_a.py": "import unittest"}, ("-s", "tests")),
        ({"a_test.py": "import unittest"}, ("-p", "*_test.py")),
    ],
)
def test_tests_written_for_unittest_are_run_by_it(
    files: dict[str, str], expected: tuple[str, ...]
) -> None:
    found = only(files)
    assert found.test[0].argv == ("python", "-m", "unittest", "discover", *expected)
    assert found.python
    assert found.python.packages == ()


@pytest.mark.parametrize(
    "evidence",
    [
        {"pytest.ini": ""},
        {"pyproject.toml": "[tool.pytest.ini_options]\n"},
        {"setup.cfg": "[tool:pytest]\n"},
        {"tox.ini": "[testenv]\ncommands = pytest {posargs}\n"},
        {"noxfile.py": "session.run('pytest')"},
        {"tests/conftest.py": ""},
        {"requirements-dev.txt": "pytest>=7\n"},
    ],
)
def test_any_evidence_of_pytest_wins_over_unittest(evidence: dict[str, str]) -> None:
    found = only({"tests/test_a.py": "import unittest", **evidence})
    assert found.test[0].argv == ("python", "-m", "pytest")


def test_dependencies_of_tox_are_installed_without_tox() -> None:
    tox = "[testenv]\ndeps =\n  pytest\n  -r ci.txt\n  py39: old\n  {env:X}\ncommands = pytest\n"
    install = install_of({"tox.ini": tox, "ci.txt": "attrs\n", **PLAIN_TEST})
    assert install.requirements == ("pytest", "attrs")


def test_the_python_version_file_asks_for_a_minor_version() -> None:
    files = {".python-version": "3.12.4\n", "requirements.txt": "a\n", "a.py": ""}
    assert install_of(files).requires_python == "==3.12.*"
