"""Category, complexity and budgets of a phase, from its words and how much there is to do."""

import re
from collections import Counter
from collections.abc import Sequence

import re2

from runs.planning.plan_types import Category, Complexity

_WORDS: tuple[tuple[Category, str], ...] = (
    (
        Category.TESTS,
        r"\btests?\b|\btesting\b|\bcoverage\b|\be2e\b|\bunit test\w*|\bverif\w+|"
        r"\bvalidat\w+|\bqa\b|测试|验证|テスト|検証|테스트|\bprueba\w*|\btestes?\b|"
        r"\bprüf\w+|\bтест\w*",
    ),
    (
        Category.DOCS,
        r"\bdocs?\b|\bdocument\w*|\breadme\b|\bchangelog\b|\bguide\b|\btutorial\b|文档|"
        r"ドキュメント|문서|\bdocumentaci\w+|\bдокумент\w*",
    ),
    (
        Category.BUGFIX,
        r"\bfix\w*|\bbugs?\b|\bregression\b|\bcrash\w*|\berrors?\b|\bbroken\b|\bhotfix\b|"
        r"修复|修正|バグ|버그|수정|\bcorreg\w+|\bcorrig\w+|\bbeheb\w+|\bисправ\w+",
    ),
    (
        Category.REFACTOR,
        r"\brefactor\w*|\bclean ?up\b|\bsimplif\w+|\bremove\b|\bdead code\b|\brename\b|"
        r"\bextract\b|\bconsolidat\w+|\breorgani\w+|重构|リファクタ\w*|리팩\w*|\bрефактор\w*",
    ),
    (
        Category.MIGRATION,
        r"\bmigrat\w+|\bupgrade\b|\bport(?:ing)?\b|迁移|移行|마이그레이션|\bmigra\w+|"
        r"\bмигр\w+",
    ),
    (
        Category.INFRASTRUCTURE,
        r"\bdeploy\w*|\bci\b|\bci/cd\b|\bdocker\w*|\bkubernetes\b|\bterraform\b|"
        r"\bpipeline\b|\binfra\w*|\bmonitoring\b|\brelease\b|部署|デプロイ|배포|\bdespleg\w+",
    ),
    (
        Category.CONFIG,
        r"\bconfig\w*|\bsetup\b|\bset up\b|\benvironment\b|\bdependenc\w+|\binstall\w*|"
        r"\bsettings?\b|\bscaffold\w*|\binitiali[sz]\w+|配置|設定|설정|초기화|\bconfigur\w+",
    ),
    (
        Category.RESEARCH,
        r"\bresearch\w*|\binvestigat\w+|\banaly[sz]\w+|\bspike\b|\bevaluat\w+|\bexplor\w+|"
        r"\baudit\b|\bassess\w*|调研|分析|調査|조사|\binvestig\w+",
    ),
    (
        Category.FEATURE,
        r"\badd\w*|\bimplement\w*|\bcreate\w*|\bbuild\w*|\bfeatures?\b|\bsupport\b|"
        r"\bintegrat\w+|\bintroduc\w+|\bdevelop\w*|实现|添加|新增|実装|追加|구현|추가|"
        r"\bañad\w+|\bcrea\w*|\badicion\w+|\bajout\w+|\bдобав\w+|\bсозда\w+|\breali\w+",
    ),
)
_PATTERNS = tuple((category, re.compile(words, re.IGNORECASE)) for category, words in _WORDS)
_HARD = re.compile(
    r"\b(?:architecture|concurren\w+|distributed|security|encrypt\w*|authenticat\w+|"
    r"migration|migrate|algorithm|performance|protocol|refactor|rewrite|redesign|race|"
    r"transaction\w*|parser|compiler|scal\w+|thread\w*|async)\b",
    re.IGNORECASE,
)


def _all_at_once() -> re2.Set:
    """The patterns of `_WORDS` in one pass, in a sixth of the time. RE2's words
    are of ASCII letters, so it is for ASCII texts: in those both find the same."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    patterns = re2.Set.SearchSet(options)
    for _, words in _WORDS:
        patterns.Add(words)
    patterns.Compile()
    return patterns


_ASCII_PATTERNS = _all_at_once()

TOKENS_A_TASK = {Complexity.LOW: 40_000, Complexity.MEDIUM: 80_000, Complexity.HIGH: 150_000}
"""Tokens of all models for one task; estimates, to be replaced by what runs really used."""
TOKENS_A_PHASE = 60_000
MINUTES_A_TASK = {Complexity.LOW: 4, Complexity.MEDIUM: 8, Complexity.HIGH: 15}
MINUTES_A_PHASE = 10
MIN_MINUTES = 30
MAX_MINUTES = 7 * 24 * 60
MAX_TOKENS = 500_000_000


def category_of(title: str, texts: Sequence[str]) -> Category:
    """The kind of work that the title says, else most of the tasks say."""
    said = _category_said(title[:300])
    if said is not None:
        return said
    counts = Counter(
        said for text in texts[:200] if (said := _category_said(text[:300])) is not None
    )
    if not counts:
        return Category.OTHER
    best = max(counts.values())
    return next(c for c, _ in reversed(_PATTERNS) if counts[c] == best)


def _category_said(text: str) -> Category | None:
    if text.isascii():
        return _PATTERNS[min(found)][0] if (found := _ASCII_PATTERNS.Match(text)) else None
    return next((category for category, pattern in _PATTERNS if pattern.search(text)), None)


def complexity_of(texts: Sequence[str], paths: int, words: int) -> Complexity:
    """From the number of open tasks and paths, the length of the text and hard subjects in it."""
    hard = sum(bool(_HARD.search(text[:500])) for text in texts[:200])
    points = len(texts) + paths / 2 + words / 150 + 2 * min(hard, 4)
    if points >= 14:
        return Complexity.HIGH
    return Complexity.LOW if points < 4 else Complexity.MEDIUM


def budget_of(phases: Sequence[tuple[int, Complexity]]) -> tuple[int, int]:
    """(tokens, minutes) of phases given as (open tasks, complexity); done ones cost nothing."""
    open_phases = [(tasks, complexity) for tasks, complexity in phases if tasks]
    tokens = sum(TOKENS_A_PHASE + n * TOKENS_A_TASK[c] for n, c in open_phases)
    minutes = sum(MINUTES_A_PHASE + n * MINUTES_A_TASK[c] for n, c in open_phases)
    return max(100_000, min(tokens, MAX_TOKENS)), max(MIN_MINUTES, min(minutes, MAX_MINUTES))
