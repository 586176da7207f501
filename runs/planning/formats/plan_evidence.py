"""Whether a text that has sentences or lists like work in it is meant as work at all."""

import re
from collections.abc import Mapping

from runs.planning.formats.document import Paragraph
from runs.planning.formats.items import is_pledge
from runs.planning.formats.outline import Outline
from runs.planning.formats.prose import sentences
from runs.planning.formats.reading import Evidence, Reading
from runs.planning.formats.role_words import Role
from runs.planning.formats.roles import STEPS_TO_REPRODUCE, plain_title
from runs.planning.formats.verbs import is_imperative, is_request

_VERSION_HEAD = re.compile(
    r"^\W{0,3}(?:version\s|release\s|v)?\d{1,4}\.\d{1,4}(?:\.\d{1,4})?\b|"
    r"^\W{0,2}unreleased\W{0,2}$",
    re.IGNORECASE,
)
_CHANGELOG = re.compile(
    r"\bchange ?log\b|\brelease notes\b|\bwhat'?s new\b|^history$|更新日志|変更履歴", re.IGNORECASE
)
_VERSION_TITLE = re.compile(
    r"(?:(?:version|release)\s)?v?\d{1,4}\.\d{1,4}(?:\.\d{1,4})?\b.{0,20}$", re.IGNORECASE
)
_RELEASE_PART = re.compile(
    r"\W{0,4}(?:highlights|breaking changes?|contributors|what'?s changed|new features|added|"
    r"changed|fixed|removed|deprecated|security|bug ?fixes|upgrad\w+|full changelog)\b",
    re.IGNORECASE,
)
_MANUAL = re.compile(
    r"\b(?:guide|tutorial|how to|how-to|manual|cheat ?sheet|reference|readme|getting "
    r"started|faqs?|frequently asked|handbook|cookbook|recipe|"
    r"documentation|style ?guide|code of conduct|"
    r"contributing|security policy|licen[sc]e|glossary|runbook|playbook|walkthrough|"
    r"examples?)\b",
    re.IGNORECASE,
)
_PLAN_TITLE = re.compile(
    r"\b(?:plan|tasks?|to-?dos?|roadmap|backlog|implement\w*|refactor\w*|migrat\w+|"
    r"proposal|rfc|feature|fix|add|epic|story|spec|prd|requirements?|milestones?|sprint|"
    r"phase|project|design)\b|计划|任务|計画|タスク|계획|план|plano",
    re.IGNORECASE,
)
_STANDING = re.compile(
    r"^\W{0,6}(?:always|never|prefer|avoid|do not|don'?t|use|keep|follow|ensure|make "
    r"sure|respect|consider|when|if|be|remember|must|should|only|no)\b",
    re.IGNORECASE,
)
_RULES_TITLE = re.compile(
    r"\b(?:claude|agents|gemini|copilot|cursor|instructions?|rules|conventions?|"
    r"guidelines|standards|constitution|principles|best practices|code style|system "
    r"prompt|you are)\b",
    re.IGNORECASE,
)
_YOU_ARE = re.compile(r"^\s{0,20}(?:#.{0,200}\n\s{0,20})?you are (?:an?|the)\b", re.IGNORECASE)
_CODE_LINE = re.compile(
    r"[;{}]\s*$|^\s*(?:import |from \w+ import|def |class |function |const |let |var |"
    r"public |private |#include|package |using |return\b)|^\s*</?\w+[^>]*>\s*$|"
    r"^(?:FROM|RUN|CMD|COPY|WORKDIR|ENV|ENTRYPOINT|EXPOSE|ARG|VOLUME|USER|SELECT|INSERT INTO|"
    r"CREATE TABLE|ALTER TABLE|DELETE FROM) \S"
)
_LOG_LINE = re.compile(
    r"^={3,} .{1,100} ={3,}\s*$|^collected \d{1,6} items|^platform \w{1,20} --|^E {2,}\S|"
    r"^\S{1,200}\.\w{1,4} [.FEsxX]+\s*(?:\[|$)|^(?:PASS|FAIL|PASSED|FAILED|ok|not ok)\b|"
    r"^\W{0,3}\d{4}-\d\d-\d\d[T ]\d\d:\d\d|^\W{0,3}\d\d:\d\d:\d\d|^\s*(?:INFO|DEBUG|"
    r"WARN(?:ING)?|ERROR|TRACE|FATAL)\b|^\s+at \S+\(|^Traceback|^\s+File \"|^\[(?:INFO|"
    r"WARN\w*|ERROR|DEBUG)\]|^\S{1,200}:\d{1,6}:\d{1,4}:|^\s*[\^~]+\s*$|^[.FEsxC*]{8,}$|"
    r"^\s*[+|\\]-"
)
_MINUTES = re.compile(
    r"\b(?:meeting|minutes|standup|stand-up|retro(?:spective)?|attendees|agenda|1:1|"
    r"sync notes|(?:daily|weekly|monthly|team|status|all[- ]hands) (?:sync|call|update|"
    r"check-?in))\b",
    re.IGNORECASE,
)

_SOFTWARE = re.compile(
    r"`|\b[\w-]{1,40}(?:/[\w.-]{1,40}){1,6}|\b\w{1,40}\.(?:py|js|ts|tsx|go|rs|rb|java|"
    r"md|json|ya?ml|toml|sql|css|html|sh|php|c|cpp|cs|kt|swift)\b|"
    r"\b\w{1,30}(?:_\w{1,30}|(?-i:[a-z][A-Z])\w{0,30})\b|\w\(\)|"
    r"\b(?:api|apis|app|apps|application|backend|frontend|button|bug|build|cache|class|"
    r"cli|client|code|codebase|command|commit|component|config\w*|css|csv|dashboard|"
    r"data|database|db|deploy\w*|dependency|docker|"
    r"docs?|documentation|endpoint|error|export|feature|field|file|form|function|github|"
    r"handler|html|http|import|integration|interface|job|json|library|link|log|logging|"
    r"login|menu|message|method|migration|mobile|module|package|"
    r"page|parser|password|pipeline|plugin|query|queue|readme|release|repo|repository|"
    r"request|schema|screen|script|sdk|server|service|session|setting|settings|sql|"
    r"table|test|tests|timeout|token|ui|unit|upload|url|user|users|ux|"
    r"validation|version|view|web|website|webhook|worker|workflow|software|system|"
    r"support|search|filter|email|account|sitemap|seo|dns|blog|checkout|sync|option|window|widget|tag|list|icon|color|"
    r"theme|image|video|model|agent|prompt|"
    r"aplicaci[óo]n|servidor|usuario|base de datos|archivo|p[áa]gina|bot[óo]n|"
    r"aplicativo|usu[áa]rio|arquivo|tela|fichier|utilisateur|serveur|bouton|base de "
    r"donn[ée]es|datei|benutzer|nutzer|seite|datenbank|knopf|schaltfl[äa]che|fehler|"
    r"файл|сервер|пользовател\w*|страниц\w*|кнопк\w*|база|базу|базы|ошибк\w*|тест\w*|"
    r"код\w*|форм\w*|поиск\w*|приложени\w*|экран\w*|интерфейс\w*|"
    r"suche|formular\w*|startseite|webseite|anwendung|ansicht|anzeige|meldung|eingabe|ausgabe|"
    r"felde?r?|anmeldung|schnittstelle|formulario|pantalla|b[úu]squeda|contraseña|formulaire|"
    r"[ée]cran|recherche|connexion|mot de passe|affichage|formul[áa]rio|senha|cadastro|"
    r"schermata|ricerca|utente|pagina|pulsante|bestand|gebruiker)\b|接口|数据|页面|按钮|用户|文件|"
    r"代码|测试|画面|ボタン|ユーザー|データ|ファイル|テスト|화면|버튼|사용자|데이터|"
    r"파일|테스트",
    re.IGNORECASE,
)
_NAMES_CODE = re.compile(r"`|\w/[\w.-]{1,80}\.\w{1,4}\b")
TOO_FEW = 0.12
"""The share of sentences that must say what to do before prose counts as a plan."""
_WRITE = "write what to change as a list of tasks, or as sentences that begin with a verb"


def refusal(outline: Outline, reading: Reading, front: Mapping[str, object]) -> str:
    """Why the text is no plan, and what to write; "" when it may be one."""
    if front.get("status") and front.get("id"):
        return ""
    title = plain_title(outline.title)
    for is_other, what in (
        (_is_source(outline), "is source code, data or a log"),
        (_is_changelog(outline, title), "is a changelog: it tells what was done"),
        (
            _is_manual(outline, title, reading),
            "is a manual or reference: it tells how something works",
        ),
        (
            _is_rules(outline, title, reading),
            "gives standing rules, with nothing that would ever be finished",
        ),
        (
            reading.format == "prose" and not _has_will(outline, title),
            "tells or asks something, but hardly says what to do",
        ),
        (
            not _PLAN_TITLE.search(title) and _is_elsewhere(outline),
            "has nothing to do with software",
        ),
        (_is_decision(outline, front, reading), "records a decision that was taken"),
    ):
        if is_other:
            return f"{what}; {_WRITE}"
    return ""


def _is_source(outline: Outline) -> bool:
    lines = [line for line in outline.document.lines[:3000] if line.strip()]
    odd = sum(bool(_CODE_LINE.search(line) or _LOG_LINE.search(line)) for line in lines)
    fenced = sum(line.lstrip().startswith("```") for line in lines)
    return len(lines) >= 3 and not fenced and odd * 5 > len(lines) * 2


def _is_changelog(outline: Outline, title: str) -> bool:
    heads = [s.title for s in outline.document.sections[1:]]
    versions = sum(bool(_VERSION_HEAD.match(head)) for head in heads)
    if _VERSION_TITLE.match(title) and any(map(_RELEASE_PART.match, heads)):
        return True
    return bool(_CHANGELOG.search(title)) or (
        versions >= 2 and versions * 4 >= len(heads) and not _PLAN_TITLE.search(title)
    )


def _is_manual(outline: Outline, title: str, reading: Reading) -> bool:
    if _PLAN_TITLE.search(title):
        return False
    references = sum(
        outline.role(s) is Role.REFERENCE and s.level < 7 for s in outline.document.sections
    )
    if _MANUAL.search(title):
        return True
    return (references >= 2 and reading.evidence is Evidence.GUESSED) or references >= 4


def _is_rules(outline: Outline, title: str, reading: Reading) -> bool:
    if _YOU_ARE.match("\n".join(outline.document.lines[:5])):
        return True
    tasks = [task.text for phase in reading.phases for task in phase.tasks]
    standing = sum(bool(_STANDING.match(text)) for text in tasks)
    share = standing / len(tasks)
    if _RULES_TITLE.search(title) and not _PLAN_TITLE.search(title):
        return share >= 0.2 or reading.evidence is Evidence.GUESSED
    return len(tasks) >= 4 and share >= 0.6 and reading.evidence is Evidence.GUESSED


def _is_elsewhere(outline: Outline) -> bool:
    """Whether a text in plain letters (most languages here are not) has no word of the trade."""
    text = "\n".join(outline.document.lines[:2000])[:100_000]
    plain = sum(map(str.isascii, text))
    return plain >= 0.99 * len(text) and not _SOFTWARE.search(text)


def _is_decision(outline: Outline, front: Mapping[str, object], reading: Reading) -> bool:
    """A decision record without a list of work of its own."""
    titles = {plain_title(s.title).lower() for s in outline.document.sections}
    is_record = "decision" in titles and bool(titles & {"consequences", "context", "status"})
    return is_record and reading.evidence is Evidence.GUESSED


def _has_will(outline: Outline, title: str) -> bool:
    """Whether enough of a prose text says what to do."""
    if is_imperative(title) or (_MINUTES.search(title) is None and _PLAN_TITLE.search(title)):
        return True
    sections = [s for s in outline.document.sections if not STEPS_TO_REPRODUCE.search(s.title)]
    said = [
        (sentence, block.text if _NAMES_CODE.search(block.text) else sentence)
        for section in sections
        for block in section.blocks
        if isinstance(block, Paragraph)
        for sentence in sentences(block.text)
    ]
    said += [
        (item.text, item.text)
        for section in sections
        for item in section.items
        if not is_pledge(item)
    ]
    willing = [around for text, around in said if is_imperative(text) or is_request(text)]
    # A name in code nearby says what a sentence is about as well as its own words.
    about_software = any(_SOFTWARE.search(around) for around in willing)
    return about_software and len(willing) >= max(1, TOO_FEW * len(said))
