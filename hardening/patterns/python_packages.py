"""Python: packages that others ask for by name, and versions of them that do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.families import Family
from hardening.patterns.python import plan_install
from hardening.patterns.python_names import distribution_of, is_known
from hardening.planning import is_declared
from hardening.specs import PatternSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hardening.specs import Hit
    from hardening.types import FailureContext

_PLUGINS = {
    "mocker": "pytest-mock", "benchmark": "pytest-benchmark", "httpx_mock": "pytest-httpx",
    "requests_mock": "requests-mock", "aiohttp_client": "pytest-aiohttp",
    "httpserver": "pytest-httpserver", "snapshot": "syrupy", "django_db_setup": "pytest-django",
    "qtbot": "pytest-qt", "event_loop": "pytest-asyncio", "subtests": "pytest-subtests",
    "worker_id": "pytest-xdist", "--cov": "pytest-cov", "--timeout": "pytest-timeout",
    "--reruns": "pytest-rerunfailures", "--asyncio-mode": "pytest-asyncio", "--html": "pytest-html",
    "--randomly-seed": "pytest-randomly", "--ds": "pytest-django", "-n": "pytest-xdist",
}  # fmt: skip


def _plugin(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    """A fixture or an option of a plugin that everybody knows; others are the project's own."""
    del context
    asked = hit.groups.get("fixture") or hit.groups.get("option", "")
    package = _PLUGINS.get(asked) or ("pytest-benchmark" if asked.startswith("--bench") else "")
    if not package:
        return None
    return {"module": package.replace("-", "_"), "package": package, "asked": asked}


def _optional(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    """A library says which other one it wants. What it wants is trusted when it is known."""
    named = "wheel" if "command" in hit.groups else hit.groups["package"]
    module = named.replace("-", "_")
    package = distribution_of(module) if is_known(module) else named
    if not is_known(module) and not is_declared("python", package, context):
        return None
    return {"module": module, "package": package}


PATTERNS = (
    PatternSpec(
        id="python_api_gone",
        family=Family.VERSION_CONFLICT,
        priority=5,
        expressions=(
            r"ImportError: cannot import name '?(?P<name>\w+)'? from\s+'(?P<module>[\w.]+)'\s+\([^)]{0,300}(?:(?:site|dist)-packages|lib(?:64)?/python3\.\d+/(?:collections|typing|inspect|asyncio|ast|importlib|unittest))[^)]{0,300}\)",
            r"AttributeError: module '(?P<module>numpy|collections|inspect|pkgutil|ssl|asyncio|time|fractions|gettext|typing|np|scipy|pandas|jinja2|werkzeug|PIL\.Image|ast|unittest|configparser|importlib)' has no attribute '(?P<name>\w+)'",
            r"AttributeError: `(?P<module>np)\.(?P<name>\w+)` was removed in (?:the )?NumPy",
            r"(?P<module>numpy)\.(?:dtype|ufunc) size changed, may indicate binary incompatibility",
            r"A module that was compiled using NumPy 1\.x cannot be run in",
            r"ImportError: numpy\.core\.(?:multiarray|umath) failed to import",
            r"AttributeError: '(?:DataFrame|Series)' object has no attribute '(?P<name>append|ix|iteritems|as_matrix|get_value|set_value)'",
            r"AttributeError: 'Flask' object has no attribute '(?P<name>before_first_request|json_encoder)'",
            r"PydanticImportError: |You tried to access openai\.\w+, but this is no longer supported in openai",
            r"__init__\(\) got an unexpected keyword argument '(?P<name>proxies)'",
            r"TypeError: Descriptors cannot (?:not )?be created directly\.",
            r"ImportError: Using (?P<name>[\w.-]+) (?:<|>|==)=? ?[\d.]+ (?:is|was) not supported",
            r"(?P<name>[\w.-]+) requires (?:numpy|pandas|torch|[\w.-]+)[<>=!~]=?[\d.]+[^\n]{0,40} but found [\w.-]+==[\d.]+",
        ),
        advice="The installed version has not what the code asks for: pin or update it.",
        unless=(r"partially initialized module|circular import",),
        must_match=(
            "ImportError: cannot import name 'escape' from 'jinja2'"
            " (/srv/venv/lib/python3.11/site-packages/jinja2/__init__.py)\n",
            "AttributeError: module 'numpy' has no attribute 'float'.\n",
            "AttributeError: 'DataFrame' object has no attribute 'iteritems'\n",
            "ImportError: cannot import name 'Mapping' from 'collections'"
            " (/usr/lib/python3.10/collections/__init__.py)\n",
        ),
        must_not_match=(
            "ImportError: cannot import name 'Cart' from 'shop.cart' (/srv/shop/cart.py)\n",
            "AttributeError: module 'shop' has no attribute 'cart'\n",
        ),
    ),
    PatternSpec(
        id="python_missing_optional_dep",
        family=Family.PYTHON_MISSING_DEP,
        priority=5,
        expressions=(
            r"(?:ImportError|ModuleNotFoundError|RuntimeError): [^\n]{0,120}?\bthe [`'\"](?P<package>[A-Za-z][\w.\-]*)[`'\"] (?:package|module|library) is not installed",
            r"Missing optional dependency '(?P<package>[A-Za-z][\w.\-]*)'",
            r"(?:ImportError|ModuleNotFoundError|RuntimeError|ImproperlyConfigured|MissingDependencyError|OptionalDependencyNotAvailable): [^\n]{0,300}?(?:pip3? install|uv add|poetry add|conda install)(?: -U| --upgrade| -c [\w\-]+)* [`'\"]?(?P<package>[A-Za-z][\w.\-]*)",
            r"ImportError: (?P<package>[A-Za-z][\w.\-]*) (?:is required|must be installed|is not installed|not installed)\b",
            r"ImportError: (?:The )?[`'\"](?P<package>[A-Za-z][\w.\-]*)[`'\"] (?:package|module|library|distribution)? ?(?:is required|must be installed|is not installed|not found|needs to be installed)",
            r"Error loading (?P<package>psycopg2|psycopg|MySQLdb) (?:or \w+ )?module",
            r"Error: [^\n]{0,80}\b(?:requires|needs) [`'\"](?P<package>[A-Za-z][\w.\-]*)[`'\"] (?:package |library )?to be installed",
            r"FeatureNotFound: Couldn't find a tree builder with the features you requested: (?P<package>lxml|html5lib)\b",
            r"\(fields\.E210\) Cannot use ImageField because (?P<package>Pillow) is not installed",
            r"error: invalid command '(?P<command>bdist_wheel)'",
        ),
        advice="Declare the optional dependency and install it.",
        refine=_optional,
        plan=plan_install,
        must_match=(
            "ImportError: Missing optional dependency 'openpyxl'.  Use pip or conda to install it.\n",
            "E   ImportError: lxml is required for this. Install it with: pip install lxml\n",
            "error: invalid command 'bdist_wheel'\n",
            'RuntimeError: Uploads requires "python-multipart" to be installed.\n',
            "shop.Cart.photo: (fields.E210) Cannot use ImageField because Pillow is not installed.\n",
        ),
        must_not_match=("To use it: pip install lxml\n", "ImportError: the cart is required\n"),
    ),
    PatternSpec(
        id="python_missing_plugin",
        family=Family.PYTHON_MISSING_DEP,
        priority=5,
        expressions=(
            r"(?m)^(?:E\s+)?fixture '(?P<fixture>\w+)' not found\s*$",
            r"pytest: error: unrecognized arguments: [^\n]*?(?P<option>--cov|--timeout|--reruns|--asyncio-mode|--html|--benchmark-\w+|--randomly-seed|--ds)\b",
            r"pytest: error: unrecognized arguments: (?P<option>-n)\b",
        ),
        advice="A plugin of pytest is missing: declare and install it.",
        refine=_plugin,
        plan=plan_install,
        must_match=(
            "E       fixture 'mocker' not found\n",
            "pytest: error: unrecognized arguments: --cov=shop\n",
        ),
        must_not_match=(
            "E       fixture 'cart' not found\n",
            "pytest: error: unrecognized arguments: --fast\n",
        ),
    ),
)  # fmt: skip
