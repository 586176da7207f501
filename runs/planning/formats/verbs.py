"""Whether a line reads like work: it begins with an imperative, or promises or asks for something.

Words of a closed list: without a model there is no better way to tell "Cache the results" from
"The cache". English has the longest list; other languages have the verbs that plans use most.
"""

import re

from runs.planning.formats.verb_words import ENGLISH, OTHERS

VERBS = frozenset(f"{ENGLISH} {OTHERS}".split())

# German, Dutch and Scandinavian lists put the verb last, Turkish and others do always.
_VERB_LAST = re.compile(
    r"\b(?:hinzufügen|erstellen|anlegen|implementieren|aktualisieren|entfernen|löschen|"
    r"beheben|korrigieren|konfigurieren|einrichten|testen|"
    r"migrieren|schreiben|dokumentieren|prüfen|überprüfen|ändern|verschieben|umbenennen|"
    r"integrieren|definieren|installieren|verbessern|"
    r"optimieren|ersetzen|umstellen|einbauen|ergänzen|aufräumen|anpassen|auslagern|"
    r"umsetzen|bereitstellen|toevoegen|verwijderen|bijwerken|"
    r"maken|schrijven|eklenecek|oluşturulacak|eklemek|oluşturmak)[.!]?$",
    re.IGNORECASE,
)
_CJK_VERB = re.compile(
    r"^(?:(?:请|需要|并|应|要|然后|最后|首先|接着|再)[，,]?){0,2}(?:添加|增加|新增|创建|建立|实现|实作|更新|修改|修复|修正|"
    r"删除|移除|去掉|重构|优化|配置|设置|设计|编写|撰写|完善|测试|验证|检查|"
    r"迁移|部署|集成|整合|替换|重命名|移动|支持|提取|拆分|合并|定义|安装|调整|改进|引入|"
    r"帮(?:我|忙)?(?:做|写|实现|开发|制作|加|改|修)|完成|运行|推送|处理|确保|暴露|清理|升级|统一|封装|补充|接入|改为|使用|导出|生成|"
    r"准备|编译|发布|搭建)"
    r"|(?:追加|作成|実装|更新|修正|削除|変更|設定|設計|テスト|検証|確認|移行|統合|置換|"
    r"整理|対応|導入|改善|最適化|記述|用意|準備|調査|公開|追記|作る|書く|直す|選ぶ|送る|減らす|増やす|"
    r"変える|加える|消す|外す|出す|分ける|調べる|決める|使う|入れる|見直す)(?:する|します|してください|を行う|"
    r"すること)?[。.]?$"
    r"|(?:추가|생성|구현|수정|삭제|제거|변경|설정|설계|작성|테스트|검증|확인|이동|통합|"
    r"교체|정리|개선|최적화|배포|적용|연동|업데이트)(?:하기|합니다|한다|해야 한다|"
    r"하세요|해주세요|해 주세요)?[.]?$"
)
_INFINITIVES = ("ar", "er", "ir", "re", "ár", "ть", "ти", "чь", "ься")
_ARTICLE = re.compile(
    r"[\s*_]{1,4}(?:el|la|los|las|un|una|unos|unas|le|les|l['’]\w|une|des|du|de|il|lo|gli|um|uma|"
    r"al|à|au|aux|ao|aos|em|com|con|para|que|o|os|dos|das)\b",
    re.IGNORECASE,
)
_WEAK_ARTICLE = re.compile(r"[\s*_]{1,4}(?:a|as|i|en|por|se)\b", re.IGNORECASE)
_RUSSIAN = re.compile(r"[а-яё]+(?:ать|ять|ить|еть|уть|ыть|оть|сти|чь|ться|тись)")
_RUSSIAN_NOUNS = frozenset(
    ("память", "печать", "сеть", "кровать", "нефть", "части", "ночь", "речь")
)
# German lists end in the infinitive: the line has to have another German word.
_GERMAN_LAST = re.compile(r" (?:[a-zäöüß]{3,30}(?:en|eln|ern))[.!]?$")
_GERMAN = re.compile(
    r"\b(?:der|die|das|dem|des|ein|eine[nmrs]?|für|mit|auf|und|im|zum|zur|bei|nicht|von|nach|statt|"
    r"als|pro|je|über|aus|beim|vom|ans?|alle[nrs]?|neue[nrs]?)\b"
)
_FIELD = re.compile(r"[\s*_`]{0,4}([^\W\d_]{4,10})[*_`]{0,3}\s?[:：]")
# Verbs that name something when a colon follows ("Present: Ola, Jin").
_NOUNS = frozenset(
    (
        "present",
        "record",
        "report",
        "release",
        "host",
        "focus",
        "demo",
        "support",
        "design",
        "review",
        "plan",
        "test",
        "note",
        "match",
        "order",
        "process",
        "contact",
        "lead",
        "query",
        "post",
    )
)
_PERIODS = frozenset(("weekly", "monthly", "yearly", "quarterly", "friendly", "likely", "family"))
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?")
_FRONT = re.compile(
    r"^[\W\d_]{0,12}(?:(?:please|then|also|finally|first|next|now|and|we(?:'ll| will|"
    r" should| need to| must| have to)|let'?s|you(?:'ll| should| need to)|need to|"
    r"should|must|have to|todo|fixme|"
    r"por favor|bitte|veuillez|merci de|пожалуйста|нужно|надо|necesito|hay que|debemos|"
    r"il faut|wir müssen|è necessario|bisogna|precisamos|é preciso|"
    r"moeten)\b[\s:,*_]{0,5}){0,3}",
    re.IGNORECASE,
)
_PROMISE = re.compile(
    r"\b(?:please|can you|could you|would you|we (?:should|need to|must|have to|want to|"
    r"will|'ll|are going to)|we'll|let'?s|i (?:will|want|need|would like|'d like|plan "
    r"to|am going to)|i'll|i'd like|"
    r"(?:should|must|needs? to|has to|have to|ought to) (?:be |also |then |now )?[a-z]+|"
    r"needs? (?:a |an |to )|want(?:s)? (?:to|a|an)|going to|it would be (?:nice|good|"
    r"great)|would be (?:nice|good|great)|"
    r"necesitamos|debemos|hay que|tenemos que|quiero|precisamos|devemos|temos que|quero|"
    r"il faut|nous devons|je (?:veux|voudrais)|wir (?:müssen|sollten|wollen|brauchen)|"
    r"ich (?:möchte|brauche)|bitte|dobbiamo|vorrei|"
    r"(?:brauchen|benötigen) wir|muss|müssen|soll(?:te|ten|en)?|deb(?:e|en|ería)|"
    r"tienen? que|podr[ií]as?|doi(?:t|vent)|"
    r"devrai(?:t|ent)|pou(?:vez|rriez)[- ]vous|merci de|veuillez|deve(?:m|ria|rá)?|precisa|"
    r"poderia|devono|dovrebbe|bisogna|per favore|por favor|moet(?:en)?|graag|proszę|trzeba|"
    r"powin(?:ien|na|no)|"
    r"нужно|надо|необходимо|хочу|давай(?:те)?|следует|должн[аоы]?)\b"
    r"|需要|应该|應該|必须|請|请|してください|したい|する必要|べき|해야|해 ?주세요|하고 싶",
    re.IGNORECASE,
)


_REQUEST = re.compile(
    r"\b(?:please|can you|could you|would you|we (?:should|need to|must|have to|want to|"
    r"will|'ll|are going to)|we'll|let'?s|i (?:want|need|would like|'d like|plan to|am "
    r"going to)|i'll|i'd like|"
    r"needs? to be|(?:should|must) (?:be able|support|show|have|allow|also|not|return|"
    r"use|work|handle|include|display|accept|answer|respond|reply|send|store|save|log|keep|load|"
    r"redirect|render|validate|reject|start|stop|print|read|write|contain|"
    r"be (?:added|removed|fixed|changed|moved|"
    r"able|possible|replaced|updated|configurable))|it would be (?:nice|good|great)|"
    r"would be (?:nice|good|great)|"
    r"necesitamos|debemos|hay que|tenemos que|quiero|precisamos|devemos|temos que|quero|"
    r"il faut|nous devons|je (?:veux|voudrais)|wir (?:müssen|sollten|wollen|brauchen)|"
    r"ich (?:möchte|brauche)|bitte|dobbiamo|vorrei|"
    r"(?:brauchen|benötigen) wir|muss|müssen|soll(?:te|ten|en)?|deb(?:e|en|ería)|"
    r"tienen? que|podr[ií]as?|doi(?:t|vent)|"
    r"devrai(?:t|ent)|pou(?:vez|rriez)[- ]vous|merci de|veuillez|deve(?:m|ria|rá)?|precisa|"
    r"poderia|devono|dovrebbe|bisogna|per favore|por favor|moet(?:en)?|graag|proszę|trzeba|"
    r"powin(?:ien|na|no)|"
    r"нужно|надо|необходимо|хочу|давай(?:те)?|следует)\b"
    r"|需要|应该|應該|请|請|してください|したい|する必要|べき|해야|해 ?주세요|하고 싶",
    re.IGNORECASE,
)


def first_word(text: str) -> str:
    """The first word that counts, in lower case."""
    front = _FRONT.match(text[:200])
    match = _WORD.search(text[:300], front.end() if front else 0)
    return match[0].lower() if match else ""


def is_imperative(text: str) -> bool:
    """Whether a line begins (or, where the language does so, ends) with what is to be done."""
    word = first_word(text)
    if (field := _FIELD.match(text)) and field[1].lower() in _NOUNS:
        return is_imperative(text[field.end() :])
    if len(word) > 5 and word.endswith("ly") and word not in VERBS and word not in _PERIODS:
        # "Automatically open ..." says what to do with its second word.
        word = first_word(text[text.lower().find(word) + len(word) :])
    if word in VERBS or word.partition("-")[0] in ("re", "pre"):
        return True
    if word.endswith(_INFINITIVES) and _is_infinitive(word, text):
        return True
    bare = text[:400].strip(" \t*_`-")
    if _GERMAN_LAST.search(bare[-60:]) and _GERMAN.search(bare):
        return True
    return bool(_VERB_LAST.search(bare[-60:]) or _CJK_VERB.search(bare[:200]))


def _is_infinitive(word: str, text: str) -> bool:
    """An infinitive of a Romance language before its article, or a Russian one."""
    if not word.isascii() and _RUSSIAN.fullmatch(word):
        return word not in _RUSSIAN_NOUNS
    after = text[text.lower().find(word) + len(word) :][:40]
    weak = word.endswith(("ar", "ir", "ár"))
    return bool(_ARTICLE.match(after) or (weak and _WEAK_ARTICLE.match(after)))


def is_request(text: str) -> bool:
    """Whether a sentence asks somebody to do something, or says that somebody will."""
    return bool(_REQUEST.search(text[:1000]))


def is_promise(text: str) -> bool:
    """Whether a sentence asks for something or says that it will be done."""
    return bool(_PROMISE.search(text[:1000]))
