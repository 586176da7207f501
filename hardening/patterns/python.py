"""Python: modules that cannot be imported, and whose fault that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.expressions import compiled
from hardening.families import Family
from hardening.patterns.python_names import (
    AMBIGUOUS,
    GONE_PARTS,
    KEPT_ALIVE,
    NEEDS_LIBRARY,
    REMOVED,
    distribution_of,
    imports,
    is_family,
    is_known,
    standard_library,
)
from hardening.planning import from_manifest, install, is_declared
from hardening.specs import PatternSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hardening.specs import Hit
    from hardening.types import Action, FailureContext

_NAME = r"[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*"
EXPRESSIONS = (
    rf"(?:ModuleNotFoundError|ImportError)\b[^\n]{{0,40}}?: No module named:? ['\"]?(?P<module>{_NAME})['\"]?",
    rf"(?m)(?:^|[/\s])(?:python|pypy)[\d.]*(?:\.exe)?: No module named ['\"]?(?P<module>{_NAME})['\"]?",
    rf"(?m)^(?:E\s+)?(?:fatal: |ERROR: |Error: |[*] )?No module named ['\"](?P<module>{_NAME})['\"]",
    rf"(?:Error while finding module specification for|Error while importing|Unable to import|Could not import) '(?P<module>{_NAME})'[^\n]{{0,80}}\(?ModuleNotFoundError",
    rf"Error: (?:Unable|Failed) to (?:import|load)[^\n]{{0,80}}No module named ['\"](?P<module>{_NAME})['\"]",
)
# What people call modules of their own.
_OWN = frozenset(
    "app apps api backend frontend src lib libs core common config conf configs settings main utils"
    " util helpers helper models model schemas schema services service server client db database"
    " tests test testing conftest scripts script tools tool modules module plugins plugin handlers"
    " controllers views routes routers router tasks jobs worker workers engine domain infrastructure"
    " application data agents agent commands cli web shared internal project package mypackage mymodule"
    " my_module my_package your_module your_package solution solutions source code train dataset"
    " datasets_local models_local preprocess preprocessing evaluation eval inference pipelines pipeline"
    " constants const logger logging_config base types_local exceptions errors auth users user bot"
    " game example examples sample demo build_utils test_utils fixtures mocks setup version".split()
)

_OFTEN_OWN = _OWN | {name.lower() for name in AMBIGUOUS}


def _text(hit: Hit) -> bytes:
    return "\n".join(hit.around).encode("utf-8", "replace")


def _is_nearby(hit: Hit, expression: str) -> bool:
    return bool(compiled(expression).search(_text(hit)))


def _is_local_by_text(hit: Hit, top: str) -> bool:
    """Traces of the module among the project's own paths, or a name that people give their own."""
    if top.lower() in _OWN or top.startswith(("test_", "my_", "tests_")) or top.endswith("_test"):
        return True
    name = top.encode("utf-8", "replace").decode("ascii", "replace")
    # A path with the module's name in it that does not lie among installed ones.
    folders = compiled(rf"(?m)^[^\n]*?[\\/]{name}(?:[\\/]|\.py)[^\n]*$")
    for found in folders.finditer(_text(hit)[:8000]):
        if not compiled(r"site-packages|dist-packages").search(found.group(0)):
            return True
    return _is_nearby(hit, rf"(?m)^(?:ERROR |E\s+)?(?:\S+ )?{name}[\\/][\w./\\-]+\.py\b")


def _is_own_root(hit: Hit, top: str) -> bool:
    """The project that is tested is itself called so: its folder holds the tests."""
    folders = compiled(rf"[\\/]{top}[\\/](?:{top}|tests?|src)[\\/][^\n]*")
    return any(
        not compiled(r"site-packages|dist-packages").search(line.encode("utf-8", "replace"))
        and folders.search(line.encode("utf-8", "replace"))
        for line in hit.around
    )


def _is_imported_by_library(hit: Hit) -> bool:
    """The frame that failed to import belongs to an installed distribution."""
    frames = [
        line
        for line in hit.before[-5:]
        if compiled(r"File \"|\.py:\d+: in |\.py\", line").search(line.encode("utf-8", "replace"))
    ]
    if not frames:
        return False
    last = frames[-1].encode("utf-8", "replace")
    if compiled(r"importlib|_pytest|unittest|django|celery|uvicorn|gunicorn|flask|runpy").search(
        last
    ):
        return False
    return bool(compiled(r"site-packages|dist-packages").search(last))


def _is_vouched(module: str, hit: Hit, context: FailureContext) -> bool:
    top = module.split(".", 1)[0]
    package = distribution_of(module)
    if is_declared("python", package, context) or is_declared("python", top, context):
        return True
    name = compiled(r"[-_.]").sub(b".", package.encode("utf-8", "replace")).decode()
    if _is_nearby(
        hit,
        rf"(?i)(?:pip3? install|uv add|poetry add|conda install)[^\n]{{0,60}}\b(?:{name}|{top})\b",
    ):
        return True
    if top.lower() in _OFTEN_OWN:
        return False
    return is_known(module) or is_family(module) or _is_imported_by_library(hit)


def _standing(module: str) -> str:
    """Standard library's part in it: 'removed', 'library', 'standard' or ''."""
    top = module.split(".", 1)[0]
    if top in {"distutils", "pkg_resources"}:
        return ""
    if module in NEEDS_LIBRARY or top in NEEDS_LIBRARY:
        return "library"
    if module in REMOVED or top in REMOVED:
        return "removed"
    return "standard" if top in standard_library() else ""


def _is_local(module: str, hit: Hit, context: FailureContext) -> bool:
    top = module.split(".", 1)[0]
    if context.project is not None:
        if context.project.has_module(top):
            return True
        if _is_vouched(module, hit, context):
            return False
    if _is_own_root(hit, top):
        return True
    if compiled(r"is not a package").search(hit.line.encode("utf-8", "replace")):
        return True
    if (
        "." in module
        and module not in imports()
        and distribution_of(module) in {top, imports().get(top)}
    ):
        # Python names the first part that is missing: of a.b, a was there.
        return not is_known(top) or _is_local_by_text(hit, top)
    if _is_vouched(module, hit, context) and not (
        top.lower() not in {"app"} and _is_local_by_text(hit, top) and not is_known(module)
    ):
        return False
    return context.project is None or _is_local_by_text(hit, top)


def _missing(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    module = hit.groups["module"]
    asked = _asked(module, hit)
    if _standing(asked) or _is_gone_part(module, hit) or _is_local(module, hit, context):
        return None
    return {"module": module, "package": distribution_of(asked)}


def _asked(module: str, hit: Hit) -> str:
    """The whole dotted name that the statement above the error asked for: it tells which part of
    a namespace is meant (Python 3), and of what the last part is missing (Python 2)."""
    for line in reversed(hit.before[-4:]):
        found = compiled(rf"(?:^|\s)(?:from|import) ({_NAME})").search(
            line.encode("utf-8", "replace")
        )
        if found is None:
            continue
        name: str = found.group(1).decode("utf-8", "replace")
        if name.startswith(module + ".") or name.endswith("." + module):
            return name
        return module
    return module


def _is_gone_part(module: str, hit: Hit) -> bool:
    """a.b is missing although a is there, and no distribution brings b alone: the versions do not
    fit."""
    top = module.split(".", 1)[0]
    if module.startswith(GONE_PARTS):
        return True
    if "." not in module or not is_known(top) or _is_local_by_text(hit, top):
        return False
    return module not in imports() and distribution_of(module) in {top, imports().get(top)}


def _local(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    module = hit.groups["module"]
    if _standing(_asked(module, hit)) or _is_gone_part(module, hit):
        return None
    return {"module": module} if _is_local(module, hit, context) else None


def _removed(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    module = hit.groups["module"]
    top = module.split(".", 1)[0]
    if _standing(module) in {"removed", "standard"}:
        if module not in REMOVED and top not in REMOVED and _is_local_by_text(hit, top):
            return None
        gone = REMOVED.get(module) or REMOVED.get(top) or ""
        return {"module": module, **({"removed_in": gone} if gone else {})}
    return {"module": module} if _is_gone_part(module, hit) else None


def _unbuilt(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    module = hit.groups["module"]
    if _standing(module) != "library":
        return None
    top = module.split(".", 1)[0]
    return {"module": module, "library": NEEDS_LIBRARY.get(module) or NEEDS_LIBRARY[top]}


def plan_install(specifics: Mapping[str, str], context: FailureContext) -> tuple[Action, ...]:
    module, package = specifics["module"], specifics["package"]
    parameters = {"ecosystem": "python", "package": package, "module": module}
    top = module.split(".", 1)[0]
    known = is_known(module) and top.lower() not in _OFTEN_OWN
    first = install(parameters, context, is_known=known)
    others = specifics.get("modules_also", "").split()
    if is_declared("python", package, context) and others:
        return (
            from_manifest(
                "python", "Install what the project declares: several modules are missing."
            ),
            first,
        )
    return (first,)


def _plan_backport(specifics: Mapping[str, str], context: FailureContext) -> tuple[Action, ...]:
    package = KEPT_ALIVE.get(specifics["module"])
    if package is None:
        return ()
    parameters = {"ecosystem": "python", "package": package, "module": specifics["module"]}
    return (install(parameters, context, is_known=True),)


_TRACE = 'Traceback (most recent call last):\n  File "/srv/shop/tool.py", line 3, in <module>\n'
PATTERNS = (
    PatternSpec(
        id="python_missing_dep",
        family=Family.PYTHON_MISSING_DEP,
        priority=3,
        expressions=EXPRESSIONS,
        advice="Declare the missing package in the project's requirements and install it.",
        refine=_missing,
        plan=plan_install,
        must_match=(
            _TRACE + "    import yaml\nModuleNotFoundError: No module named 'yaml'\n",
            "E   ModuleNotFoundError: No module named 'requests_mock'\n",
            "ImportError: No module named sklearn.cluster\n".replace(".cluster", ""),
            "/usr/bin/python3: No module named pytest\n",
        ),
        must_not_match=(
            _TRACE + "    import imp\nModuleNotFoundError: No module named 'imp'\n",
            "E   ModuleNotFoundError: No module named 'app'\n",
            "    with pytest.raises(ModuleNotFoundError, match=\"No module named 'yaml'\"):\n",
            "# ModuleNotFoundError: No module named 'yaml' means that PyYAML is missing\n",
        ),
    ),
    PatternSpec(
        id="python_local_import",
        family=Family.PYTHON_LOCAL_IMPORT,
        priority=4,
        expressions=(
            *EXPRESSIONS,
            r"ImportError: attempted relative import (?P<why>with no known parent package|beyond top-level package)",
            r"ValueError: attempted relative import (?P<why>beyond top-level package|in non-package)",
        ),
        advice=(
            "The module belongs to the project: run from the folder that holds it, put that folder"
            " on PYTHONPATH, or install the project itself (pip install -e .). Installing a"
            " package of that name is wrong."
        ),
        refine=lambda hit, context: (
            {"why": hit.groups["why"]} if "why" in hit.groups else _local(hit, context)
        ),
        must_match=(
            "E   ModuleNotFoundError: No module named 'app'\n",
            _TRACE
            + "    from shop.cart import Cart\nModuleNotFoundError: No module named 'shop'\n",
            "ImportError: attempted relative import with no known parent package\n",
        ),
        must_not_match=(
            "E   ModuleNotFoundError: No module named 'numpy'\n",
            "print(\"ModuleNotFoundError: No module named 'app'\")\n",
        ),
    ),
    PatternSpec(
        id="python_stdlib_removed",
        family=Family.VERSION_CONFLICT,
        priority=2,
        expressions=EXPRESSIONS,
        advice=(
            "This Python has no such part of the standard library (or of that package): run with"
            " the version that the project names, or update what imports it."
        ),
        refine=_removed,
        plan=_plan_backport,
        must_match=(
            _TRACE + "    import imp\nModuleNotFoundError: No module named 'imp'\n",
            "ModuleNotFoundError: No module named 'urllib2'\n",
            "ModuleNotFoundError: No module named 'tomllib'\n",
        ),
        must_not_match=("ModuleNotFoundError: No module named 'requests'\n",),
    ),
    PatternSpec(
        id="python_stdlib_not_built",
        family=Family.MISSING_SYSTEM_LIB,
        priority=2,
        expressions=EXPRESSIONS,
        advice="Python was built without this part: install the system's library and its package.",
        refine=_unbuilt,
        must_match=(
            "ModuleNotFoundError: No module named '_ctypes'\n",
            "ModuleNotFoundError: No module named 'tkinter'\n",
        ),
        must_not_match=("ModuleNotFoundError: No module named 'requests'\n",),
    ),
)
