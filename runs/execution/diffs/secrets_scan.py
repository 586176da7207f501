"""Secrets in added lines: a small reviewed set of detectors, in time linear in the text.

Every expression starts at a literal or after a boundary and repeats bounded classes only. A file
is looked at line by line only when one of the detectors' literals occurs in it at all.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from runs.execution.checks.weakened_tests import is_test_path
from runs.execution.diffs.diff import AddedLine, FileChange, added_text, binary_bytes

# Enough to show a person; a file with more is refused all the same.
MAX_FINDINGS: Final = 20
# One line of minified code can be megabytes: what lies further is looked at in pieces of this size.
_PIECE_CHARS: Final = 4096
_OVERLAP_CHARS: Final = 512


@dataclass(frozen=True, slots=True)
class SecretFinding:
    """One probable secret. `evidence` is redacted: its first four characters and its length."""

    detector: str
    path: str
    line: int
    evidence: str


@dataclass(frozen=True, slots=True)
class _Detector:
    name: str
    literals: tuple[str, ...]
    expression: re.Pattern[str]
    min_entropy: float = 3.0


def _token(name: str, literals: tuple[str, ...], body: str, min_entropy: float = 3.0) -> _Detector:
    expression = re.compile(rf"(?<![A-Za-z0-9_-])({body})(?![A-Za-z0-9])")
    return _Detector(name, literals, expression, min_entropy)


# Shapes as the providers document them or as their tokens are.
_DETECTORS: Final = (
    _token("AWS access key", ("AKIA", "ASIA"), r"(?:AKIA|ASIA)[A-Z2-7]{16}"),
    _token("GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_[A-Za-z0-9]{36}"),
    _token("GitHub token", ("github_pat_",), r"github_pat_[A-Za-z0-9_]{60,90}"),
    _token("GitLab token", ("glpat-",), r"glpat-[A-Za-z0-9_-]{20,60}"),
    _token("Slack token", ("xox",), r"xox[abeoprs]-[A-Za-z0-9-]{20,200}"),
    _token(
        "Slack webhook", ("hooks.slack.com",), r"hooks\.slack\.com/services/T[A-Za-z0-9/]{30,80}"
    ),
    _token("Stripe key", ("k_live_",), r"[rs]k_live_[A-Za-z0-9]{16,120}"),
    _token("Anthropic key", ("sk-ant-",), r"sk-ant-[A-Za-z0-9_-]{24,200}"),
    _token("OpenAI key", ("sk-",), r"sk-(?:proj-|svcacct-|admin-)[A-Za-z0-9_-]{32,200}", 3.5),
    _token("OpenAI key", ("sk-",), r"sk-[A-Za-z0-9]{48}", 3.5),
    _token("Google API key", ("AIza",), r"AIza[A-Za-z0-9_-]{35}"),
    _token("Google OAuth secret", ("GOCSPX-",), r"GOCSPX-[A-Za-z0-9_-]{28}"),
    _token("npm token", ("npm_",), r"npm_[A-Za-z0-9]{36}"),
    _token("PyPI token", ("pypi-AgE",), r"pypi-AgE[A-Za-z0-9_-]{50,300}"),
    _token(
        "JSON web token",
        ("eyJ",),
        r"eyJ[A-Za-z0-9_-]{10,1000}\.eyJ[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{20,1000}",
    ),
)

_KEY_HEADER: Final = re.compile(
    r"-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED |PGP )?PRIVATE KEY(?: BLOCK)?-----"
)
_KEY_BODY: Final = re.compile(r"[A-Za-z0-9+/]{40}")
# Header lines (Proc-Type, DEK-Info, a blank one) may stand between the mark and the key.
_KEY_BODY_LINES: Final = 5

_GENERIC_WORDS: Final = ("password", "passwd", "secret", "token", "api_key", "apikey", "api-key")
_GENERIC_NAME = r"(?:password|passwd|secret|token|api[_-]?key)[A-Za-z0-9_-]{0,30}"
_QUOTED: Final = re.compile(
    rf"(?P<name>{_GENERIC_NAME})[\"']?\]?[ \t]{{0,8}}(?:=>|:=|=|:)[ \t]{{0,8}}"
    r"[bru]{0,2}(?P<quote>[\"'`])(?P<value>[^\"'`\s]{12,200})(?P=quote)",
    re.IGNORECASE,
)
_UNQUOTED: Final = re.compile(
    rf"(?P<name>{_GENERIC_NAME})[ \t]{{0,8}}[=:][ \t]{{0,8}}"
    r"(?P<value>[A-Za-z0-9+/=_.!@#%^&*-]{12,200})[ \t\r]{0,8}(?:$|[ \t]#)",
    re.IGNORECASE,
)
_CONFIGURATION: Final = (
    ".ini",
    ".cfg",
    ".conf",
    ".properties",
    ".yml",
    ".yaml",
    ".toml",
    ".tfvars",
)
_GENERIC_ENTROPY: Final = 3.5  # bits a character; English words and identifiers lie below
_TEST_ENTROPY: Final = 4.2  # tests are full of invented passwords

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_PLACEHOLDERS: Final = (
    "example", "changeme", "change-me", "change_me", "placeholder", "dummy", "sample", "redacted",
    "your", "xxxx", "****", "....", "fake", "mock", "insert", "replace", "todo", "foobar",
    "not-a-", "not_a_", "notasecret", "not-real", "test", "insecure", "default", "0000", "1234567",
    "12345678", "abcdefg", "deadbeef", "password", "hunter2", "lorem", "process.env", "os.environ",
    "getenv", "secrets.",
)  # fmt: skip
# A value that starts so is looked up elsewhere: a variable, a template, a path, an address.
_REFERENCES: Final = ("$", "{", "<", "%(", "/", "./", "http://", "https://", "@")
_HASH_NAMES: Final = ("hash", "digest", "checksum", "public", "_url", "_uri", "_path", "_name")


def secrets_in(change: FileChange, *, is_lock_file: bool = False) -> tuple[SecretFinding, ...]:
    """The probable secrets that a change adds, at most MAX_FINDINGS of them.

    `is_lock_file`: hashes are what such a file is made of, so that only tokens with a shape of
    their own count there.
    """
    if not change.added_lines and not binary_bytes(change):
        return ()
    lines = list(added_text(change)) if change.is_binary else None
    text = b"\n".join(line.text for line in lines) if lines is not None else change.patch
    if lines is not None and b"\0" in text[:8000]:
        return ()  # truly binary, by git's own rule
    decoded = text.decode("utf-8", "replace")
    detectors = tuple(d for d in _DETECTORS if any(word in decoded for word in d.literals))
    lowered = decoded.lower()
    is_generic = not is_lock_file and any(word in lowered for word in _GENERIC_WORDS)
    has_key = "PRIVATE KEY" in decoded
    if not (detectors or is_generic or has_key):
        return ()
    scan = _Scan(change.path, detectors, is_generic=is_generic)
    scan.read(added_text(change) if lines is None else lines, has_key=has_key)
    return tuple(scan.findings)


class _Scan:
    """One pass over the added lines of a file."""

    def __init__(self, path: str, detectors: tuple[_Detector, ...], *, is_generic: bool) -> None:
        self.findings: list[SecretFinding] = []
        self._path = path
        self._detectors = detectors
        self._is_generic = is_generic
        name = path.rsplit("/", 1)[-1].lower()
        self._is_configuration = name.endswith(_CONFIGURATION) or name.startswith(".env")
        self._min_entropy = _TEST_ENTROPY if is_test_path(path) else _GENERIC_ENTROPY

    def read(self, lines: Iterable[AddedLine], *, has_key: bool) -> None:
        key_at, key_lines_left = 0, 0
        for number, raw in lines:
            if len(self.findings) >= MAX_FINDINGS:
                return
            text = raw.decode("utf-8", "replace")
            for piece in _pieces(text):
                self._look(number, piece)
            if not has_key:
                continue
            header = _KEY_HEADER.search(text)
            body = text[header.end() :] if header else text
            if header:
                key_at, key_lines_left = number, _KEY_BODY_LINES
            if key_lines_left:
                key_lines_left -= 1
                found = _KEY_BODY.search(body)
                if found and not _is_placeholder(found.group()):
                    self._add("private key", key_at, header.group() if header else "-----BEGIN")
                    key_lines_left = 0

    def _look(self, number: int, text: str) -> None:
        for detector in self._detectors:
            if not any(word in text for word in detector.literals):
                continue
            for found in detector.expression.finditer(text):
                value = found.group(1)
                if not _is_placeholder(value) and entropy(value) >= detector.min_entropy:
                    self._add(detector.name, number, value)
        if self._is_generic and any(word in text.lower() for word in _GENERIC_WORDS):
            self._look_generic(number, text)

    def _look_generic(self, number: int, text: str) -> None:
        for found in _QUOTED.finditer(text):
            self._judge_generic(number, found)
        if self._is_configuration:
            for found in _UNQUOTED.finditer(text):
                self._judge_generic(number, found)

    def _judge_generic(self, number: int, found: re.Match[str]) -> None:
        name, value = found.group("name").lower(), found.group("value")
        if any(word in name for word in _HASH_NAMES) or value.startswith(_REFERENCES):
            return
        if _is_placeholder(value) or _UUID.fullmatch(value) or not _is_mixed(value):
            return
        if entropy(value) >= self._min_entropy:
            self._add("password or token", number, value)

    def _add(self, detector: str, number: int, value: str) -> None:
        evidence = f"{value[:4]}... ({len(value)} characters)"
        finding = SecretFinding(detector, self._path, number, evidence)
        if len(self.findings) < MAX_FINDINGS and finding not in self.findings:
            self.findings.append(finding)


def entropy(text: str) -> float:
    """Shannon entropy in bits a character."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values()) if size else 0.0


def _is_placeholder(value: str) -> bool:
    lowered = value.lower()
    return any(word in lowered for word in _PLACEHOLDERS) or len(set(lowered)) < 6


def _is_mixed(value: str) -> bool:
    """Letters and digits both: an identifier, a word or a number alone is no generated secret."""
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _pieces(text: str) -> Iterable[str]:
    if len(text) <= _PIECE_CHARS:
        return (text,)
    step = _PIECE_CHARS - _OVERLAP_CHARS
    return (text[at : at + _PIECE_CHARS] for at in range(0, len(text), step))
