"""Resolvers and registries: versions that do not fit, packages that are not there, stale locks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.expressions import compiled
from hardening.families import Family
from hardening.specs import PatternSpec
from hardening.types import Action, ActionKind, Risk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hardening.specs import Hit
    from hardening.types import FailureContext

_OFFLINE = (
    r"(?i)NewConnectionError|Failed to establish a new connection|Temporary failure in name"
    r"|Name or service not known|ConnectTimeout|ReadTimeout|ProxyError|CERTIFICATE_VERIFY|SSLError"
)

# Long lines of theirs are broken, with a bar before what follows.
_NO_SUCH = (
    r"was not found in the\s+(?:(?:\xe2\x94\x82|\|)\s*)?(?:package registry|registry|provided package locations)"
    r"|which doesn't match any versions"
)


def _has_near(hit: Hit, expression: str) -> bool:
    text = "\n".join(hit.around).encode("utf-8", "replace")
    return bool(compiled(expression).search(text))


def _no_distribution(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    """Not when the registry was never reached, nor when Python itself is what does not fit."""
    del context
    if _has_near(hit, _OFFLINE):
        return None
    if _has_near(hit, r"Ignored the following versions that require a different python"):
        return None
    return dict(hit.groups)


def _conflict(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    """Resolvers give the same headline to a name or a version that does not exist."""
    del context
    return None if _has_near(hit, _NO_SUCH) else dict(hit.groups)


def _wrong_python(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    return dict(hit.groups)


def _lock_tool(specifics: Mapping[str, str], context: FailureContext) -> tuple[Action, ...]:
    del context
    tool, ecosystem = specifics["tool"], specifics["ecosystem"]
    return (
        Action(
            ActionKind.REGENERATE_LOCK_FILE,
            Risk.APPLY,
            f"Make the lock file anew with {tool}: it does not agree with the manifest.",
            {"tool": tool, "ecosystem": ecosystem},
        ),
    )


def _lock(tool: str, ecosystem: str, expressions: tuple[str, ...], sample: str) -> PatternSpec:
    return PatternSpec(
        id=f"stale_lockfile_{tool}",
        family=Family.STALE_LOCKFILE,
        priority=2,
        expressions=expressions,
        advice="The lock file does not agree with the manifest: make it anew and commit it.",
        fixed={"tool": tool, "ecosystem": ecosystem},
        plan=_lock_tool,
        must_match=(sample,),
        must_not_match=(f"# {sample}", "Updating the lock file\n"),
    )


LOCKS = (
    _lock(
        "npm", "node",
        (
            r"`npm ci` can only install (?:packages )?(?:when|with)",
            r"npm ci can only install (?:packages )?(?:when|with)",
            r"(?:cipm|npm ci) can only install packages (?:when|with an existing)",
            r"package\.json and (?:package-lock\.json|npm-shrinkwrap\.json)[^\n]{0,60} (?:are not in sync|not in sync)",
        ),
        "npm error `npm ci` can only install packages when your package.json and package-lock.json are in sync.\n",
    ),
    _lock(
        "pnpm", "node",
        (r"ERR_PNPM_OUTDATED_LOCKFILE", r"ERR_PNPM_NO_LOCKFILE", r"ERR_PNPM_LOCKFILE_(?:CONFIG_MISMATCH|BREAKING_CHANGE|MISSING_DEPENDENCY)", r"ERR_PNPM_FROZEN_LOCKFILE"),
        " ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with \"frozen-lockfile\" because pnpm-lock.yaml is not up to date\n",
    ),
    _lock(
        "yarn", "node",
        (
            r"Your lockfile needs to be updated, but yarn was run with",
            r"YN0028:[^\n]{0,60}The lockfile would have been (?:modified|created)",
            r"The lockfile would have been (?:modified|created) by this install, which is explicitly forbidden",
        ),
        "error Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`.\n",
    ),
    _lock(
        "bun", "node", (r"lockfile had changes, but lockfile is frozen",),
        "error: lockfile had changes, but lockfile is frozen\n",
    ),
    _lock(
        "poetry", "python",
        (
            r"pyproject\.toml changed significantly since poetry\.lock was last generated",
            r"poetry\.lock is not up to date with pyproject\.toml",
            r"The lock file is not compatible with the current version of Poetry",
        ),
        "Error: poetry.lock is not up to date with pyproject.toml. Run `poetry lock` to fix it.\n",
    ),
    _lock(
        "pipenv", "python",
        (r"Your Pipfile\.lock \([^)\n]*\) is out of date", r"Pipfile\.lock (?:not found|is out of date)"),
        "Your Pipfile.lock (a1b2c3) is out of date. Expected: (d4e5f6).\n",
    ),
    _lock(
        "uv", "python",
        (r"The lockfile at `[^`\n]*uv\.lock` needs to be updated, but", r"Unable to find lockfile at `uv\.lock`"),
        "error: The lockfile at `uv.lock` needs to be updated, but `--locked` was provided.\n",
    ),
    _lock(
        "pdm", "python", (r"(?i)lock ?file hash doesn't match pyproject\.toml", r"Lock file is missing or out-of-date"),
        "Lock file hash doesn't match pyproject.toml, packages may be outdated\n",
    ),
    _lock(
        "cargo", "rust",
        (r"the lock file \S+ needs to be updated but --(?:locked|frozen) was passed", r"cannot update the lock file \S+ because --(?:locked|frozen) was passed", r"failed to parse lock file at: "),
        "error: the lock file /srv/Cargo.lock needs to be updated but --locked was passed\n",
    ),
    _lock(
        "go", "go",
        (
            r"missing go\.sum entry",
            r"go: updates to go\.(?:mod|sum) needed",
            r"go: inconsistent vendoring in",
            r"verifying \S+: checksum mismatch",
            r"go\.mod file indicates replacement|is explicitly required in go\.mod, but not marked as explicit in vendor/modules\.txt",
        ),
        "main.go:4:2: missing go.sum entry for module providing package example.org/x; to add:\n",
    ),
    _lock(
        "bundler", "ruby",
        (
            r"You are trying to install in deployment mode after changing\s",
            r"The gemspecs for path gems changed, but the lockfile can't be updated",
            r"Your bundle only supports platforms \[",
            r"because (?:the )?lockfile is frozen|The dependencies in your gemfile changed, but the lockfile can't be updated",
        ),
        "You are trying to install in deployment mode after changing your Gemfile.\n",
    ),
    _lock(
        "composer", "php",
        (r"The lock file is not up to date with the latest changes in composer\.json", r"Required package \"\S+\" is not present in the lock file"),
        "Required package \"acme/cart\" is not present in the lock file.\n",
    ),
    _lock(
        "terraform", "terraform", (r"Error: Inconsistent dependency lock file",),
        "Error: Inconsistent dependency lock file\n",
    ),
)  # fmt: skip

PATTERNS = (
    *LOCKS,
    PatternSpec(
        id="python_version_mismatch",
        family=Family.VERSION_CONFLICT,
        priority=3,
        expressions=(
            r"Package '?(?P<package>[\w.\-]+)'? requires a different Python: (?P<found>[\w.]+) not in '?(?P<wanted>[^'\n]+)",
            r"(?P<package>[\w.\-]+) requires Python '(?P<wanted>[^'\n]+)' but the running Python is (?P<found>[\w.]+)",
            r"Ignored the following versions that require a different python version: [^\n]+",
            r"The (?:currently activated|current) Python version (?:\()?(?P<found>[\d.]+)(?:\))? is not (?:supported|allowed) by the project",
            r"The current project's (?:Python|supported Python) (?:requirement|range) \([^)\n]*\) is not compatible with",
            r"No (?:Python|interpreter) (?:at|found for|version) [^\n]{0,80}(?:found in virtual environments|satisf|interpreter)",
            r"error: The requested interpreter resolved to Python [\d.]+, which is incompatible with",
            r"requires[- ][Pp]ython[^\n]{0,40}, (?:but|which)[^\n]{0,60}(?:incompatible|not satisf|running)",
            r"(?:This|[\w.\-]+) (?:package |version |project |script |program )?requires (?:at least )?Python (?:>=? ?|version )?[23]\.\d+[^\n]{0,60}(?:but|you have|your|current|found|is required)",
        ),
        advice="Run with a Python version that the project supports.",
        refine=_wrong_python,
        must_match=(
            "ERROR: Package 'shop' requires a different Python: 3.8.1 not in '>=3.10'\n",
        ),
        must_not_match=("Requires: Python >=3.8\n",),
    ),
    PatternSpec(
        id="dependency_conflict",
        family=Family.VERSION_CONFLICT,
        priority=4,
        expressions=(
            r"ERROR: ResolutionImpossible",
            r"Cannot install [^\n]{1,300} because these package versions have conflicting dependencies",
            r"(?:ERROR: )?(?P<package>[\w.\-]+) [\w.]+ (?:has requirement|requires) [^\n]{1,200}, but you(?:'ll)? have [^\n]{1,120} which is incompatible",
            r"(?:npm ERR!|npm error|error) (?:code )?ERESOLVE",
            r"ERESOLVE (?:unable to resolve dependency tree|could not resolve)",
            r"ERR_PNPM_PEER_DEP_ISSUES",
            r"failed to select a version for (?:the requirement )?`(?P<package>[\w.\-]+)",
            r"(?:[Vv]ersion solving failed|SolverProblemError)",
            r"No solution found when resolving (?:dependencies|script dependencies|tool dependencies)",
            r"(?:pkg_resources\.)?(?:Contextual)?VersionConflict: \((?P<package>[\w.\-]+)",
            r"UnsatisfiableError: The following specifications were found",
            r"LibMambaUnsatisfiableError|ResolvePackageNotFound:",
            r"Bundler could not find compatible versions for gem",
            r"A conflict was found between the following modules",
            r"Could not resolve all (?:dependencies|files)[^\n]*\n[^\n]*Conflict found for the following",
            r"Your requirements could not be resolved to an installable set of packages",
            r"conflicting requirements|Conflict\(s\) found for the following",
            r"inconsistent dependency|Found \d+ (?:incompatible|conflicting) dependenc",
            r"Dependency convergence error|Rule \d+: [\w.$]+DependencyConvergence failed",
            r"NoMatchingConfigurationSelection|No matching variant of (?P<package>[\w.\-:]+) was found",
            r"The package (?P<package>[\w.\-]+) does not satisfy its siblings' peerDependencies",
            r"Manifest merger failed : uses-sdk:minSdkVersion",
        ),
        advice="The versions asked for do not fit together: loosen or align them.",
        unless=(r"overriding peer dependency|ERESOLVE overriding",),
        refine=_conflict,
        must_match=(
            "ERROR: Cannot install a==1 and b==2 because these package versions have conflicting dependencies.\n",
            "npm error code ERESOLVE\n",
            "error: failed to select a version for `serde`.\n",
        ),
        must_not_match=(
            "npm warn ERESOLVE overriding peer dependency\n",
            "CONFLICT (content): Merge conflict in setup.py\n",
            "No solution found when resolving dependencies:\nBecause shopp was not found in the package"
            " registry and you require shopp, we can conclude that it cannot be.\n",
        ),
    ),
    PatternSpec(
        id="toolchain_version_mismatch",
        family=Family.VERSION_CONFLICT,
        priority=3,
        expressions=(
            r"(?:npm ERR!|npm error) (?:code )?EBADENGINE|EBADENGINE Unsupported engine",
            r"The engine \"(?P<tool>[\w-]+)\" is incompatible with this module",
            r"ERR_PNPM_UNSUPPORTED_ENGINE",
            r"(?:You are using|You're using|Your current version is|Current version of) Node(?:\.js)?[^\n]{0,40}\. ?[^\n]{0,60}(?:requires|required|minimum)",
            r"Node(?:\.js)? version [v\d.>=^ ]+ (?:is|or (?:higher|newer|above) is) required",
            r"(?:requires|require) (?:a )?(?:minimum )?Node(?:\.js)?(?: version)? (?:of |>= ?|\^)?v?\d+[^\n]{0,60}(?:but|You are|you have|current)",
            r"For Next\.js, Node\.js version \"?[^\n\"]+\"? is required",
            r"(?:package|crate) `(?P<package>[\w.\-]+)[^`\n]*` (?:cannot be built because it requires|requires) rustc",
            r"rustc [\d.]+\S* is not supported by the following package",
            r"feature `(?P<package>edition\d+)` is required",
            r"this version of Cargo is older than the `\d+` edition|lock file version `?\d+`? (?:requires|was found, but)",
            r"UnsupportedClassVersionError",
            r"class file has wrong version [\d.]+, should be",
            r"bad class file[^\n]*\n[^\n]*wrong version",
            r"(?:invalid|Invalid) (?:target|source) release: ?(?P<wanted>[\d.]+)",
            r"error: release version (?P<wanted>\d+) not supported",
            r"(?:Source|Target) option \d+ is no longer supported",
            r"Unsupported class file major version (?P<found>\d+)",
            r"Unsupported major\.minor version",
            r"Android Gradle plugin requires Java \d+ to run",
            r"(?:Gradle|Dependency requires at least JVM runtime version \d+|Minimum supported Gradle version is) [^\n]{0,60}(?:requires|Current version is|This build uses a Java)",
            r"requires (?:a )?(?:JDK|Java)(?: version)? \d+ or (?:later|higher|newer)",
            r"No matching toolchains? found for requested specification|Cannot find a Java installation[^\n]{0,60}matching",
            r"RequireJavaVersion failed|RequireMavenVersion failed",
            r"Detected JDK Version: \S+ is not in the allowed range",
            r"go: [^\n]{0,200}\brequires go >= [\d.]+ \(running go [\d.]+",
            r"note: module requires Go [\d.]+",
            r"invalid go version '[\d.]+': must match format",
            r"unknown (?:directive: toolchain|block type: tool|directive: tool)",
            r"Your Ruby version is [\d.]+, but your Gemfile specified",
            r"requires (?:ruby|rubygems|php|Ruby) (?:version )?[>=~^]+ ?[\d.]+[^\n]{0,60}(?:current|but|your|which is incompatible)",
            r"your php version \([\d.]+\S*\) does not satisfy that requirement",
            r"This version of ChromeDriver only supports Chrome version",
            r"CMake [\d.]+ or higher is required\.\s+You are running version",
            r"Compatibility with CMake < [\d.]+ has been removed",
            r"requires (?:terraform|helm|kubectl|docker|git) (?:version )?[>=~]+ ?[\d.]+|Unsupported Terraform Core version",
            r"This project (?:is configured to use|requires) (?:yarn|pnpm|npm|the following package manager)[^\n]{0,80}(?:but|current|version)",
            r"(?:version|Version) of Python \([\d.]+\S*\) is not supported|Python [\d.]+ is not supported|Python version [\d.]+\S* (?:is )?not supported",
            r"The current .NET SDK does not support targeting|A compatible (?:installed )?\.NET(?: Core)? SDK (?:version )?[^\n]{0,60}(?:was not found|not found)|NETSDK1045",
        ),
        advice="Use the tool's version that the project names.",
        must_match=(
            "go: go.mod requires go >= 1.23 (running go 1.20; GOTOOLCHAIN=local)\n",
            "error: invalid target release: 21\n".replace("invalid", "invalid"),
            "java.lang.UnsupportedClassVersionError: shop/Cart has been compiled by a more recent version\n",
        ),
        must_not_match=("npm warn EBADENGINE Unsupported engine {\n",),
    ),
    PatternSpec(
        id="package_not_found",
        family=Family.PACKAGE_NOT_FOUND,
        priority=5,
        expressions=(
            r"No matching distribution found for (?P<package>[\w.\-\[\]]+)",
            r"Could not find a version that satisfies the requirement (?P<package>[\w.\-\[\]]+)",
            r"(?:Because|because|and) (?P<package>[\w.\-]+) was not found in the\s+(?:(?:\xe2\x94\x82|\|)\s*)?(?:package registry|provided package locations)",
            r"depends on (?P<package>[\w.\-]+) \([^)\n]{1,80}\) which doesn't match any versions",
            r"Could not find gem '(?P<package>[\w\-]+)[^'\n]*' in (?:rubygems repository|any of the (?:gem )?sources)",
            r"An unexpected error occurred: \"https?://[^\"\n]{1,300}: Not found\"",
            r"[Bb]ecause there (?:is|are) no versions? of (?P<package>[\w.\-\[\]]+)",
            r"Could not find a matching version of package (?P<package>[\w.\-]+)",
            r"Package (?P<package>[\w.\-]+) \([^)\n]*\) not found",
            r"(?:npm ERR!|npm error|error)[^\n]{0,20} 404 +(?:Not Found|'(?P<package>@?[\w./\-]+)@[^']*' is not in)",
            r"(?:code|npm ERR! code|error code) E404\b",
            r"(?:code|npm ERR! code|error code) ETARGET\b",
            r"No matching version found for (?P<package>@?[\w./\-]+)@",
            r"ERR_PNPM_(?:FETCH_404|NO_MATCHING_VERSION|NO_MATCHING_VERSION_INSIDE_WORKSPACE)",
            r"Couldn't find (?:package|any versions for) \"(?P<package>@?[\w./\-]+)\"",
            r"manifest for (?P<package>\S+) not found",
            r"manifest unknown",
            r"(?P<package>[\w./:\-]+): not found: manifest unknown|(?P<image>docker\.io/[\w./:\-]+): not found",
            r"pull access denied for (?P<package>\S+?),? repository does not exist",
            r"E: Unable to locate package (?P<package>[\w.+\-]+)",
            r"E: Package '(?P<package>[\w.+\-]+)' has no installation candidate",
            r"E: Version '[^'\n]+' for '(?P<package>[\w.+\-]+)' was not found",
            r"(?m)^(?:#\d+ [\d.]+ |[\d.]+ )?\s*(?P<package>[\w.+\-]+) \(no such package\)",
            r"(?:No package|Unable to find a match:|No match for argument:) (?P<package>[\w.+\-]+)(?: available|$|\s)",
            r"error: target not found: (?P<package>[\w.+\-]+)",
            r"PackagesNotFoundError",
            r"no matching package(?:s)? (?:named )?`(?P<package>[\w.\-]+)` found",
            r"no matching package found",
            r"could not find `(?P<package>[\w.\-]+)` in registry",
            r"ERROR:  Could not find a valid gem '(?P<package>[\w.\-]+)'",
            r"(?:Error: )?No (?:available formula|formulae or casks|available formula or cask) (?:with the name|found for) \"?(?P<package>[\w.@+\-/]+)",
            r"invalid version: unknown revision",
            r"(?:reading|fetch) https://\S+: (?:404 Not Found|410 Gone)",
            r"Unable to find package (?P<package>[\w.\-]+)\. No packages exist with this id|NU1101|NU1102",
            r"Could not find package (?P<package>[\w./\-]+) (?:at any version|in a version matching)",
            r"The requested package (?P<package>[\w./\-]+) could not be found",
            r"Unable to resolve action `?(?P<package>[\w./@\-]+)`?, (?:repository|unable to find version|not found)",
            r"version '?\"?[\w.]+'?\"? (?:with|for)[^\n]{0,60}(?:was not found in (?:the local cache|manifest)|not found in manifest)",
            r"ERROR: HTTP error 404 while getting",
            r"HTTPError: 404 Client Error: Not Found for url: https?://(?:pypi|files\.pythonhosted|conda)",
            r"Package '(?P<package>[\w.\-]+)' (?:is not found|not found) in (?:the )?(?:registry|repository|index)",
        ),
        advice="The registry has no such package or version: check the name and the version.",
        refine=_no_distribution,
        must_match=(
            "ERROR: No matching distribution found for shop-carts==9.9\n",
            "npm error code E404\nnpm error 404 Not Found - GET https://registry.example/shop-carts - Not found\n",
            "E: Unable to locate package libcart-dev\n",
            "Could not find gem 'shopcarts (~> 9.0)' in any of the gem sources listed in your Gemfile.\n",
        ),
        must_not_match=(
            "WARNING: Retrying after connection broken by 'NewConnectionError(...): Failed to establish a"
            " new connection'\nERROR: No matching distribution found for shop\n",
            "GET /cart 404 Not Found\n",
        ),
    ),
    PatternSpec(
        id="python_distribution_missing",
        family=Family.PYTHON_MISSING_DEP,
        priority=5,
        expressions=(
            r"(?:pkg_resources\.)?DistributionNotFound: The '(?P<module>[\w.\-]+)[^'\n]*' distribution was not found",
            r"(?:importlib\.metadata\.|importlib_metadata\.)?PackageNotFoundError: (?:No package metadata was found for )?(?P<module>[\w.\-]+)",
        ),
        advice="The distribution is not installed: install what the project declares.",
        refine=lambda hit, context: {"module": hit.groups["module"], "package": hit.groups["module"]},
        action=ActionKind.INSTALL_PACKAGE,
        fixed={"ecosystem": "python"},
        must_match=("pkg_resources.DistributionNotFound: The 'requests>=2' distribution was not found and is required by shop\n",),
        must_not_match=("except PackageNotFoundError: requests\n",),
    ),
)  # fmt: skip
