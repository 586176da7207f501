"""Paths that a text names: in code spans, links, trees of folders and plain words.

Only what looks like a path of a repository: no URLs, API routes, npm scopes, libraries that are
called like files, nor names in samples of code. Whether it exists is for `path_grounding` to say.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from runs.planning.formats.document import Fence
from runs.planning.path_forms import PathForms
from runs.planning.tree_drawings import drawn_paths


class Intent(StrEnum):
    """What the words around a path want with it."""

    CREATE = "create"
    MODIFY = "modify"
    READ = "read"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Mention:
    """`path` as written, without marks around it. `line` counts from 1."""

    path: str
    line: int
    intent: Intent = Intent.UNKNOWN
    is_declared: bool = False
    """A label or mark says what is done with it ("Create: `x`", "[MODIFY] x"), not a sentence."""


_URL = re.compile(
    r"\b(?:https?|ftp|ssh|git|wss?|postgres(?:ql)?|redis|mysql|s3|npm|"
    r"docker)://[^\s)>\]\"'`]{1,2000}",
    re.I,
)
_LINK = re.compile(r"\[([^\]\n]{0,300})\]\(<?([^)\s<>]{1,500})>?(?:\s\"[^\"\n]{0,200}\")?\)")
_CODE = re.compile(r"(`{1,2})([^`\n]{1,300})\1")
_WORD = re.compile(
    r"(?<![\w/@.:$%#=<\\~-])(?:~?\.{0,2}/)?[A-Za-z0-9_.@+*-]*(?:[/\\][A-Za-z0-9_.@+*\[\]()-]+)+/?"
    r"|(?<![\w/@:$%#=<\\-])\.?[A-Za-z0-9_@+*-]+/(?![\w/])"
    r"|(?<![\w/@.:$%#=<\\-])\.?[A-Za-z0-9_@+-]+(?:\.[A-Za-z0-9_+-]+)*"
)
_MARKER = re.compile(
    r"[\[(（](NEW|MODIFY|MODIFIED|DELETE|DELETED|CREATE|UPDATE|REMOVE|RENAME|EDIT|ADD)[\])）]", re.I
)
_LABEL = re.compile(
    r"^\W{0,6}(create[ds]?|new(?: files?)?|add(?:ed)?|modify|modified|modifies|"
    r"update[ds]?|edit|change[ds]?|delete[ds]?|remove[ds]?|test|files?|read|see|"
    r"reference[s]?)\W{0,4}[:：]",
    re.I,
)
_CREATES = re.compile(
    r"\b(?:create[sd]?|creating|add(?:s|ing)?|new|write|generate|scaffold|introduce|"
    r"implement|set ?up|setup|define|document|export|extract|move|put|save|init\w*|"
    r"build|make|rename|draft|store[ds]?|output|produce|"
    r"crear|añadir|agregar|nuevo|escribir|criar|adicionar|novo|créer|ajouter|nouveau|"
    r"erstelle[n]?|anlegen|neue?[rsn]?|schreibe|hinzufügen|создать|добавить|новый|"
    r"написать|creare|aggiungere)\b"
    r"|创建|新建|新增|添加|编写|作成|追加|생성|추가|작성",
    re.I,
)
_MODIFIES = re.compile(
    r"\b(?:modify|update|edit|change|fix|refactor|extend|remove|delete|replace|rename|"
    r"adjust|improve|rewrite|migrate|patch|wire|register|hook|integrate|bump|clean|drop|"
    r"simplify|convert|"
    r"actualizar|modificar|corregir|eliminar|atualizar|corrigir|remover|modifier|"
    r"corriger|supprimer|ändern|ändere|anpassen|entfernen|обновить|исправить|изменить|"
    r"удалить)\b"
    r"|修改|更新|修复|删除|重构|変更|修正|削除|수정|변경|삭제",
    re.I,
)
_READS = re.compile(
    r"\b(?:see|read|refer(?:s|ence)?(?: to)?|according to|based on|per|as in|like|"
    r"following|follow|described in|documented in|defined in|review|check|"
    r"analy[sz]e|inspect|study|examine|compare|consult|look at|mirror|pattern in|"
    r"protocol in|input|prerequisites|source|siehe|véase|ver|voir|vgl|"
    r"см)\b\W{0,12}(?:\w{1,20}\W{1,4}){0,2}$|参考|参照|참고|检查",
    re.I,
)
_MAY_NAME = re.compile(
    r"[/\\`]|\.\w|\b(?:docker|make|gem|rake|proc|vagrant|jenkins|brew|just|pod|caddy|"
    r"container|tilt|pip|snake|danger)file\b|CODEOWNERS",
    re.I,
)
_KEEPS = re.compile(
    r"\b(?:do not|don'?t|never|without|avoid|not to|must not|no need to) "
    r"(?:touch|chang|modif|edit|updat|delet|remov|break|alter)\w*\b[^.;]{0,80}$|"
    r"\bkeep\b[^.;]{0,40}$|"
    r"\bleave\b[^.;]{0,40}$",
    re.IGNORECASE,
)
_COMMENT_PATH = re.compile(
    r"^\s{0,8}(?://|#|--|;|/\*|<!--)\s{0,3}(?:file(?:name)?:\s{0,2})?([\w./@+\[\]()-]{3,300})", re.I
)


@dataclass(frozen=True, slots=True)
class MentionFinder:
    """Finds mentions; `forms` tells paths from other words (it knows the tree)."""

    forms: PathForms

    def in_text(self, text: str, line: int) -> Iterator[Mention]:
        """Mentions in Markdown outside fences. `line`: where the text begins."""
        for offset, row in enumerate(text.split("\n")):
            if "/" in row or "`" in row or _MAY_NAME.search(row):
                yield from self._in_row(row[:4000], line + offset)

    def in_fence(self, fence: Fence) -> Iterator[Mention]:
        """The paths of a drawn tree or a plain list of files, and of a snippet's first comment."""
        rows = fence.content.split("\n")
        for path, offset in drawn_paths(rows[:2000]):
            if self.forms.is_path(path, in_code=True):
                yield Mention(path, fence.line + 1 + offset)
        first = _COMMENT_PATH.match(rows[0]) if rows else None
        if first and "." in first[1] and self.forms.is_path(first[1], in_code=True):
            yield Mention(first[1], fence.line + 1)

    def in_command(self, text: str, line: int) -> Iterator[Mention]:
        """The paths that a command line names, with their folders."""
        for match in _WORD.finditer(text[:1000]):
            path = self.forms.path_in(match[0], in_code=False)
            if path and "/" in path.removeprefix("./"):
                yield Mention(path, line)

    def _in_row(self, row: str, line: int) -> Iterator[Mention]:
        if "://" in row:
            row = _URL.sub(lambda m: " " * len(m[0]), row)
        marker = _MARKER.search(row)
        label = _LABEL.match(row)
        told = marker or label
        forced = _intent_of(told[1]) if told else None
        spans: list[tuple[int, str, bool]] = []
        if "](" in row:
            row = self._links(row, spans)
        row = _CODE.sub(lambda m: _taken(spans, m.start(), m[2], len(m[0])), row)
        spans.extend((match.start(), match[0], False) for match in _WORD.finditer(row))
        spans.sort(key=lambda span: span[0])
        for start, text, in_code in spans:
            for path in self._paths(text, in_code=in_code):
                is_declared = forced is not None and forced is not Intent.READ
                yield Mention(path, line, forced or _intent(row[:start]), is_declared)

    def _links(self, row: str, spans: list[tuple[int, str, bool]]) -> str:
        def take(match: re.Match[str]) -> str:
            target = match[2].partition("#")[0]
            if target.startswith("file://"):
                # Editors link files by where they lie on the author's machine.
                target = self.forms.inside(target) or target
            if (
                target
                and "://" not in target.removeprefix("file://")
                and not target.startswith("mailto:")
            ):
                spans.append((match.start(), target, True))
                if target.endswith(match[1].strip("`* ")):
                    return " " * len(match[0])
            return f" {match[1]} ".ljust(len(match[0]))[: len(match[0])]

        return _LINK.sub(take, row)

    def _paths(self, text: str, *, in_code: bool) -> Iterator[str]:
        if in_code and (path := self.forms.path_in(text, in_code=True)):
            yield path
        elif in_code and " " in text.strip():
            for match in _WORD.finditer(text):
                path = self.forms.path_in(match[0], in_code=False)
                if path and ("/" in path.removeprefix("./") or self.forms.exists(path)):
                    yield path
        elif not in_code and (path := self.forms.path_in(text, in_code=False)):
            yield path


def _taken(spans: list[tuple[int, str, bool]], start: int, text: str, length: int) -> str:
    spans.append((start, text, True))
    # The words around keep their distance; the code itself is no word.
    return " " * length


def _intent(before: str) -> Intent:
    near = before[-160:]
    if _KEEPS.search(near):
        return Intent.READ
    if _READS.search(near[-60:]):
        return Intent.READ
    found = [
        (max((m.start() for m in pattern.finditer(near)), default=-1), intent)
        for pattern, intent in ((_CREATES, Intent.CREATE), (_MODIFIES, Intent.MODIFY))
    ]
    place, intent = max(found, key=lambda pair: pair[0])
    return intent if place >= 0 else Intent.UNKNOWN


def _intent_of(word: str) -> Intent:
    word = word.lower()
    if word.startswith(("new", "creat", "add")):
        return Intent.CREATE
    if word.startswith(("read", "see", "ref")):
        return Intent.READ
    return Intent.UNKNOWN if word in ("test", "file", "files") else Intent.MODIFY
