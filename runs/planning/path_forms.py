"""What a path looks like when somebody writes it in a sentence."""

import re
from dataclasses import dataclass, field

from runs.planning.path_index import PathIndex
from runs.planning.path_vocabulary import (
    DOUBTFUL,
    EXTENSIONS,
    LIBRARIES,
    NAMES,
    NAMES_IN_CODE,
    ROOTS,
    ROUTES,
    SYSTEM,
)

_DOTFILES = re.compile(
    r"\.(?:env(?:\.[\w.-]{1,30})?|git(?:ignore|attributes|modules|keep)|"
    r"docker(?:ignore)?|editorconfig|npmrc|nvmrc|yarnrc(?:\.yml)?|"
    r"eslintrc(?:\.\w{1,5})?|eslintignore|prettierrc(?:\.\w{1,5})?|prettierignore|"
    r"babelrc|flake8|pylintrc|coveragerc|python-version|ruby-version|node-version|"
    r"tool-versions|rspec|rubocop\.yml|pre-commit-config\.yaml|golangci\.ya?ml|"
    r"swiftlint\.yml|swcrc|stylelintrc(?:\.\w{1,5})?|mocharc(?:\.\w{1,5})?|nycrc|"
    r"lintstagedrc(?:\.\w{1,5})?|commitlintrc(?:\.\w{1,5})?|cursorrules|clang-format|"
    r"htaccess|envrc|gitlab-ci\.yml|travis\.yml|credo\.exs|formatter\.exs|tfvars|"
    r"mcp\.json|air\.toml|dockerignore|releaserc(?:\.\w{1,5})?)",
    re.I,
)
_DOT_CONFIG = re.compile(
    r"\.[\w-]{2,40}(?:\.[\w-]{1,20})?\.(?:ya?ml|json|jsonc|toml|ini|js|cjs|mjs|ts|md|rb|"
    r"py|xml)"
)
_SAMPLES = re.compile(
    r"(?:foo|bar|baz|qux|my_?file|file\d?|example|xxx|name|filename|test)(?:\.test|"
    r"\.spec)?\.\w{1,6}",
    re.I,
)
_DOMAIN = re.compile(
    r"^(?:www\.)?[\w-]{1,60}(?:\.[\w-]{1,60}){0,3}\.(?:com|org|net|io|dev|ai|app|co|me|"
    r"edu|gov|de|uk|eu|cn|jp|info|sh|rs|run|cloud|xyz|tech|fr|es|it|nl|ru|kr)$",
    re.I,
)
_LINES = re.compile(
    r"(?::\d{1,6}(?:[-–:]\d{1,6})?|#L\d{1,6}(?:-L?\d{1,6})?|"
    r":L\d{1,6}(?:-L?\d{1,6})?)(?:,\d{1,6})*\+?$"
)
_VERSION = re.compile(r"^v?\d+(?:\.\d+)*[a-z]?\d*$", re.I)
_PLAIN = re.compile(r"^[\w.@~+*/\[\](){}$, -]+$")
MAX_SEGMENTS = 40
_PRODUCTS = re.compile(r"(?:whisper|llama|stable-diffusion|bark)\.cpp", re.I)
_ENDS = " \t.,;:!?)\"'`*_>|"
_STARTS = " \t(\"'`*_<|"


@dataclass(frozen=True, slots=True)
class PathForms:
    """Tells paths from other words. The tree decides where the look of a word does not."""

    index: PathIndex
    _known: dict[tuple[str, bool], str] = field(default_factory=dict, compare=False)

    def path_in(self, text: str, *, in_code: bool) -> str:
        """The path that a word or code span is, without line numbers and marks; "" when none."""
        key = (text, in_code)
        if key not in self._known:
            self._known[key] = self._path_in(text, in_code=in_code)
        return self._known[key]

    def is_path(self, text: str, *, in_code: bool) -> bool:
        return bool(self.path_in(text, in_code=in_code))

    def exists(self, path: str) -> bool:
        return self.index.has_file(path) or self.index.has_folder(path)

    def inside(self, path: str) -> str:
        """An absolute path as one of the repository: the longest end of it that is there, or whose
        folder is; "" when none is."""
        parts = path.removeprefix("file://").strip("/").split("/")[:MAX_SEGMENTS]
        ends = [parts[start:] for start in range(len(parts))]
        for end in ends:
            if self.index.has_file("/".join(end)):
                return "/".join(end)
        for end in ends[:-1]:
            if self.index.has_folder("/".join(end[:-1])):
                return "/".join(end)
        return ""

    def _path_in(self, text: str, *, in_code: bool) -> str:
        text = text.strip().removeprefix("file://")
        text = text.lstrip(_STARTS) if not in_code else text.strip()
        text = _LINES.sub("", text.rstrip(_ENDS))
        text = text.replace("\\", "/") if re.match(r"[\w.-]+(?:\\[\w.-]+)+$", text) else text
        if not 2 <= len(text) <= 300 or not _PLAIN.match(text) or "//" in text or " " in text:
            return ""
        if text.startswith("@") or _VERSION.match(text) or "..." in text or "," in text:
            return ""
        if text.count("(") != text.count(")") or text.endswith("()"):
            text = text.rstrip("()")
        if text.count("[") != text.count("]"):
            text = text.strip("[]")
        is_path = (
            self._with_slash(text, in_code=in_code)
            if "/" in text
            else self._name(text, in_code=in_code)
        )
        return text if is_path else ""

    def _with_slash(self, text: str, *, in_code: bool) -> bool:
        bare = text.lstrip("/").removeprefix("./").removeprefix("~/")
        parts = [part for part in bare.split("/") if part]
        if not parts or _DOMAIN.match(parts[0]) or all(set(part) <= set("*.") for part in parts):
            return False
        if self.exists(bare):
            return len(bare) > 1
        last = parts[-1]
        if text.endswith("/"):
            return self._is_folder(text, parts, in_code=in_code)
        if _extension(last) in EXTENSIONS and not _VERSION.match(last) and "{" not in last:
            return len(parts) > 1 or text.startswith(("./", "../", "/", "~"))
        if last.lower() in NAMES or _DOTFILES.fullmatch(last):
            return True
        if text.startswith("/") or not in_code or len(parts) < 2:
            return False
        if re.match(r"\.[a-z][\w-]*$", parts[0]):
            return True
        return self.index.has_folder(parts[0]) or (parts[0].lower() in ROOTS and len(parts) > 2)

    def _is_folder(self, text: str, parts: list[str], *, in_code: bool) -> bool:
        if text.startswith("/"):
            return len(parts) > 1 and parts[0].lower() not in ROUTES
        if len(parts) > 1:
            return True
        return in_code or parts[0].lower() in ROOTS

    def _name(self, text: str, *, in_code: bool) -> bool:
        if self.index.has_file(text):
            return "." in text or in_code or text.lower() in NAMES
        lowered = text.lower()
        if lowered in NAMES or (in_code and lowered in NAMES_IN_CODE and text.isupper()):
            return True
        if text.startswith("."):
            return bool(_DOTFILES.fullmatch(text) or _DOT_CONFIG.fullmatch(text))
        stem, _, extension = text.rpartition(".")
        if not stem or extension.lower() not in EXTENSIONS or ("*" in stem and not in_code):
            return False
        if _SAMPLES.fullmatch(text) or _PRODUCTS.fullmatch(text):
            return False
        if extension.lower() == "js" and (
            stem.lower() in LIBRARIES or (stem[0].isupper() and not in_code)
        ):
            return bool(self.index.nearest(text)) and stem.lower() not in LIBRARIES
        if extension != extension.lower() and extension.upper() != extension:
            return False
        if extension.lower() in DOUBTFUL:
            return bool(self.index.nearest(text)) if in_code else False
        return not _VERSION.match(stem) and stem not in ("e", "i", "a")


def is_outside(path: str) -> bool:
    """Whether a path as written points out of any repository: a home, a folder of the system."""
    if path.startswith("~"):
        return True
    return path.startswith("/") and path.lstrip("/").partition("/")[0].lower() in SYSTEM


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""
