"""What kind of path a path is, by its name alone: git's own, a secret, CI, a lock file."""

import re
from typing import Final

_CI_FOLDERS: Final = (
    ".github/workflows/",
    ".github/actions/",
    ".gitlab/ci/",
    ".circleci/",
    ".ci/",
    ".buildkite/",
    ".woodpecker/",
    ".gitea/workflows/",
    ".forgejo/workflows/",
    ".teamcity/",
)
_CI_FILES: Final = frozenset(
    {
        ".gitlab-ci.yml",
        "jenkinsfile",
        "azure-pipelines.yml",
        "bitbucket-pipelines.yml",
        ".travis.yml",
        "appveyor.yml",
        ".appveyor.yml",
        ".drone.yml",
        ".cirrus.yml",
        ".woodpecker.yml",
        "cloudbuild.yaml",
        "buildspec.yml",
        "codefresh.yml",
    }
)
# CODEOWNERS decides who must review; a pre-commit or husky file runs code on developers' machines.
_REVIEW_FILES: Final = frozenset({"codeowners"})

_LOCK_FILES: Final = frozenset(
    {
        "poetry.lock",
        "uv.lock",
        "pipfile.lock",
        "pdm.lock",
        "pylock.toml",
        "conda-lock.yml",
        "pixi.lock",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lock",
        "bun.lockb",
        "deno.lock",
        "cargo.lock",
        "go.sum",
        "go.work.sum",
        "gemfile.lock",
        "composer.lock",
        "gradle.lockfile",
        "buildscript-gradle.lockfile",
        "packages.lock.json",
        "project.assets.json",
        "mix.lock",
        "pubspec.lock",
        "podfile.lock",
        "package.resolved",
        "flake.lock",
        ".terraform.lock.hcl",
    }
)

_ENV_TEMPLATES: Final = (".example", ".sample", ".template", ".dist", ".tmpl", ".defaults")
_KEY_NAMES: Final = ("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519")
_KEY_ENDINGS: Final = (".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".ppk", ".kdbx")
_SECRET_FILES: Final = frozenset(
    {".netrc", "_netrc", ".pgpass", ".htpasswd", ".pypirc", ".dockercfg", ".git-credentials"}
)

# Code points that HFS+ leaves out of a name: ".g\u200cit" is ".git" there (git's utf8.c).
_HFS_IGNORED: Final = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)
_WINDOWS_DEVICE: Final = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[1-9\u00b9\u00b2\u00b3])(?:\.|$)",
    re.IGNORECASE,
)
_WINDOWS_CHARACTERS: Final = re.compile(r'[\x00-\x1f<>:"|?*\\]')


def is_git_internal(path: str) -> bool:
    """Whether a component of the path is `.git`, also as Windows or macOS would read it."""
    lowered = path.lower()
    if "git" not in lowered.translate(_HFS_IGNORED):
        return False
    for component in lowered.replace("\\", "/").split("/"):
        name = component.translate(_HFS_IGNORED).split(":", 1)[0].rstrip(" .")
        if name in (".git", "git~1"):
            return True
    return False


def is_environment_file(path: str) -> bool:
    """`.env`, `.env.production`, `.envrc`: values of a deployment; templates of them are fine."""
    name = _name(path)
    if name.endswith(_ENV_TEMPLATES):
        return False
    return name in (".env", ".envrc") or name.startswith(".env.")


def is_key_file(path: str) -> bool:
    """A private key, a key store or a file of credentials by its name; public keys are fine."""
    name = _name(path)
    if name.endswith(".pub"):
        return False
    return name.startswith(_KEY_NAMES) or name.endswith(_KEY_ENDINGS) or name in _SECRET_FILES


def is_ci_file(path: str) -> bool:
    """Configuration that runs with the project's rights on its CI, or decides who must review."""
    lowered = path.lower()
    name = _name(path)
    return lowered.startswith(_CI_FOLDERS) or name in _CI_FILES or name in _REVIEW_FILES


def is_lock_file(path: str) -> bool:
    """Exact versions and hashes of dependencies, which a tool writes."""
    return _name(path) in _LOCK_FILES


def is_git_configuration(path: str) -> bool:
    """`.gitmodules` and `.gitattributes`: they make git fetch, run filters or hide changes."""
    return _name(path) in (".gitmodules", ".gitattributes")


def windows_problem(path: str) -> str:
    """Why Windows could not check this path out; empty when it can."""
    for component in path.split("/"):
        if _WINDOWS_CHARACTERS.search(component):
            return "has a character that Windows does not allow in names"
        if component.endswith((" ", ".")):
            return "has a component that ends in a space or a dot, which Windows drops"
        if _WINDOWS_DEVICE.match(component):
            return "has the name of a Windows device"
    return ""


def shown(path: str) -> str:
    """A path as it can be stored and printed: control characters and stray bytes escaped."""
    if path.isprintable():
        return path
    return path.encode("unicode_escape", "surrogatepass").decode("ascii")


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1].lower()
