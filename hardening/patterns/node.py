"""Node: packages that cannot be resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.expressions import compiled
from hardening.families import Family
from hardening.patterns.node_names import BUILTIN, is_alias, is_known, package_of
from hardening.planning import from_manifest, install, is_declared
from hardening.specs import PatternSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hardening.specs import Hit
    from hardening.types import Action, FailureContext

_SPEC = r"[^'\"`\s]{1,200}"


def _missing(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    module = hit.groups["module"]
    if module.startswith((".", "/", "#", "file:", "http:", "https:", "node:", "virtual:", "\\")):
        return None
    package = package_of(module)
    if not package or package in BUILTIN or ":\\" in module or ":/" in module:
        return None
    if is_declared("node", package, context):
        return {"module": module, "package": package}
    if is_alias(module) or _is_first_party(module, hit, context):
        return None
    return {"module": module, "package": package}


def _is_first_party(module: str, hit: Hit, context: FailureContext) -> bool:
    """src/x and the like: a path from the root that a bundler would have had to know."""
    top = module.split("/", 1)[0]
    if context.project is not None and not module.startswith("@"):
        return context.project.has_path(top) and not is_known(package_of(module))
    if module.endswith((".js", ".ts", ".tsx", ".jsx", ".mjs", ".vue", ".scss", ".css", ".json")):
        return not is_known(package_of(module)) and "/" in module
    del hit
    return False


def _plan(specifics: Mapping[str, str], context: FailureContext) -> tuple[Action, ...]:
    module, package = specifics["module"], specifics["package"]
    parameters = {"ecosystem": "node", "package": package, "module": module}
    first = install(parameters, context, is_known=is_known(package))
    if is_declared("node", package, context):
        why = f"{package} is declared and not installed: install what the manifest declares."
        return (from_manifest("node", why), first)
    return (first,)


def _builtin_gone(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    return {"module": hit.groups["module"]} if "module" in hit.groups else {}


def _entry_script(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    text = "\n".join(hit.around).encode("utf-8", "replace")
    if not compiled(r"requireStack: \[\]|Module\.runMain|executeUserEntryPoint|run_main").search(
        text
    ):
        return None
    if compiled(r"Require stack:\s*\n\s*(?:[\d.]+ )?- |requireStack: \[\s*\n\s*'").search(text):
        return None
    if compiled(r"[\\/]node_modules[\\/]").search(hit.groups["path"].encode("utf-8", "replace")):
        return None
    return {"path": hit.groups["path"]}


PATTERNS = (
    PatternSpec(
        id="node_missing_dep",
        family=Family.NODE_MISSING_DEP,
        priority=3,
        expressions=(
            rf"(?:Cannot find module|Could not find module) ['\"`](?P<module>{_SPEC})['\"`](?:$|[\s.,;)\"]| from | or its)",
            rf"Cannot find package ['\"](?P<module>{_SPEC})['\"](?: imported from|\s*$|\n)",
            rf"(?:Module not found: (?:Error: )?)?Can't resolve ['\"](?P<module>{_SPEC})['\"]",
            rf"Failed to resolve import ['\"](?P<module>{_SPEC})['\"] from",
            rf"Failed to resolve entry for package ['\"](?P<module>{_SPEC})['\"]",
            rf"Could not resolve ['\"](?P<module>{_SPEC})['\"](?:$|[\s.(])",
            rf"Rollup failed to resolve import ['\"](?P<module>{_SPEC})['\"] from",
            rf"Unable to resolve (?:path to )?module ['\"`]?(?P<module>{_SPEC})['\"`]? (?:from|import/no-unresolved)",
            r"ESLint couldn't find the (?:plugin|config) \"(?P<module>[^\"\s]{1,200})\"",
            r"Cannot find type definition file for '(?P<module>[^'\s]{1,200})'",
            rf"This dependency was not found:\s+\* (?P<module>{_SPEC}) in",
            r"Preprocessor dependency [\"'](?P<module>[@\w/.-]+)[\"'] not found",
            r"Cannot find dependency '(?P<module>[@\w/.-]+)'",
            r"Test environment (?P<module>[@\w/.-]+) cannot be found\.",
            r"Module (?P<module>[@\w/.-]+) in the (?:transform|testRunner|preset|reporters) option was not found",
            r"Preset (?P<module>[@\w/.-]+) not found",
            r"Plugin \[?\"?(?P<module>[@\w/.-]+)\"?\]? (?:was )?not found relative to",
            rf"Error: Cannot find (?:plugin|preset) ['\"](?P<module>{_SPEC})['\"]",
        ),
        advice="Add the package to package.json and install it.",
        refine=_missing,
        plan=_plan,
        must_match=(
            "Error: Cannot find module 'left-pad'\nRequire stack:\n- /srv/shop/index.js\n",
            "Module not found: Error: Can't resolve 'react-dom/client' in '/srv/shop/src'\n",
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'vitest' imported from /srv/a.mjs\n",
            "  Test environment jest-environment-jsdom cannot be found. Make sure that it is there.\n",
            "src/a.ts(1,20): error TS2307: Cannot find module 'lodash' or its corresponding type declarations.\n",
        ),
        must_not_match=(
            "Error: Cannot find module './cart'\nRequire stack:\n- /srv/shop/index.js\n",
            "error TS2307: Cannot find module '@/components/Cart' or its corresponding type declarations.\n",
            "    expect(() => load()).toThrow(\"Cannot find module 'left-pad'\");\n",
        ),
    ),
    PatternSpec(
        id="node_builtin_missing",
        family=Family.VERSION_CONFLICT,
        priority=2,
        expressions=(
            r"(?:Cannot find module|No such built-in module:?|Cannot find package) ['\"]?(?P<module>node:[\w/]+)",
            r"error:0308010C:digital envelope routines::unsupported",
            r"was compiled against a different Node\.js version",
            r"NODE_MODULE_VERSION \d+\. This version of Node\.js requires",
            r"ERR_UNKNOWN_BUILTIN_MODULE",
            r"ERR_REQUIRE_ESM|Error \[ERR_REQUIRE_ESM\]",
        ),
        advice="This Node version does not fit: use the one that package.json or .nvmrc names.",
        refine=_builtin_gone,
        must_match=("Error: Cannot find module 'node:sqlite'\n",),
        must_not_match=("Error: Cannot find module './node/x'\n",),
    ),
    PatternSpec(
        id="node_entry_script_missing",
        family=Family.WRONG_WORKING_DIR,
        priority=4,
        expressions=(r"Error: Cannot find module '(?P<path>(?:/|[A-Za-z]:\\)[^'\n]{1,300})'",),
        advice="The script is not where the command looks: run in the folder that has it.",
        refine=_entry_script,
        must_match=(
            "Error: Cannot find module '/srv/shop/server.js'\n    at Module._resolveFilename (x.js:1:1)\n"
            "    at Function.executeUserEntryPoint [as runMain] (y.js:2:2)\n"
            "  code: 'MODULE_NOT_FOUND',\n  requireStack: []\n",
        ),
        must_not_match=(
            "Error: Cannot find module '/srv/shop/a.js'\nRequire stack:\n- /srv/shop/index.js\n",
        ),
    ),
)
