"""What a section can be for, and the words of headings that say so, in many languages."""

from enum import StrEnum


class Role(StrEnum):
    WORK = "work"
    """Tasks, steps, phases, changes: what is to be done."""
    WISH = "wish"
    """Requirements, features, solutions: to be done when nothing says it better."""
    GOAL = "goal"
    CONTEXT = "context"
    """Background, the present state, analysis, notes, references."""
    NON_GOALS = "non_goals"
    CONSTRAINTS = "constraints"
    ACCEPTANCE = "acceptance"
    VALIDATION = "validation"
    FILES = "files"
    DONE = "done"
    """A list of finished work."""
    REPORT = "report"
    """What somebody tells of finished work: no list of tasks."""
    ORDER = "order"
    """Dependencies, strategy, timeline: about the tasks, which are elsewhere."""
    IDEAS = "ideas"
    """What might be done one day: not to be planned."""
    REFERENCE = "reference"
    """Installation, usage, licence: what a manual has."""
    NEUTRAL = "neutral"


# The first that matches wins. `\b` only where the script has word boundaries.
WORDS: tuple[tuple[Role, str], ...] = (
    (
        Role.NON_GOALS,
        r"\bnon[- ]?goals?\b|\bout[- ]of[- ]scope\b|\bnot in scope\b|\bno goals\b|\bnot doing\b|"
        r"\bwon'?t (?:do|have|fix)\b|\bexclusions?\b|\bexcluded\b|\bnon[- ]objectives?\b|"
        r"\bfuera de(?:l)? alcance\b|\bno objetivos\b|\bfora d[eo] escopo\b|\bhors (?:du "
        r")?p[ée]rim[èe]tre\b|"
        r"\bnicht[- ]ziele\b|\bau(?:ß|ss)erhalb des umfangs\b|\bfuori (?:ambito|scope)\b|"
        r"\bвне рамок\b|\bне цели\b|非目标|非目標|不做|范围外|範囲外|スコープ外|対象外|범위 "
        r"(?:외|밖)|비목표",
    ),
    (
        Role.ACCEPTANCE,
        r"\bacceptance\b|\bsuccess (?:criteria|metrics?|indicators?|measures?)\b|"
        r"\b(?:definition|criteria) (?:of|for) (?:done|success|completion|acceptance)\b|"
        r"\bdod\b|\bdone when\b|"
        r"\b(?:exit|completion|quality|verification|done|review) (?:criteria|gates?)\b|"
        r"\bexpected (?:outcomes?|results?|behaviou?rs?|deliverables?)\b|"
        r"\bsuccess looks like\b|\bcriterios de (?:aceptaci[óo]n|[ée]xito)\b|\bcrit[ée]rios "
        r"de (?:aceita[çc][ãa]o|sucesso)\b|"
        r"\bcrit[èe]res d['’ e]\s?(?:acceptation|succ[èe]s)\b|\bakzeptanzkriterien\b|"
        r"\babnahmekriterien\b|\berfolgskriterien\b|"
        r"\bcriteri di (?:accettazione|successo)\b|\bacceptatiecriteria\b|\bкритерии\b|"
        r"验收|成功标准|完成标准|驗收|受け入れ(?:条件|基準)|完了(?:条件|の定義)|成功基準|"
        r"인수 ?(?:조건|기준)|완료 ?(?:조건|기준)|성공 ?기준",
    ),
    (
        Role.CONSTRAINTS,
        r"\bconstraints?\b|\bnon[- ]?functional\b|\bno funcionales\b|\bn[ãa]o[- ]funcionais\b|"
        r"\bnicht[- ]?funktional\w*|\bnon fonctionnelles\b|нефункциональн|非功能|非機能|비기능|"
        r"\bassumptions?\b|\blimitations?\b|\bguard "
        r"?rails?\b|"
        r"\bprinciples\b|\bground rules\b|\brules\b|\bguidelines\b|\bconventions?\b|"
        r"\binvariants?\b|\bcompatibility requirements?\b|"
        r"\bbackwards? compatib\w*|\brestricciones\b|\brestri[çc][õo]es\b|\bcontraintes\b|"
        r"\beinschr[äa]nkungen\b|\brahmenbedingungen\b|"
        r"\bvincoli\b|\bограничения\b|约束|限制|制約|前提|제약|원칙|原则",
    ),
    (
        Role.REPORT,
        r"\b(?:implementation|completion|execution|change|session|work|final|release|dev "
        r"agent|agent) (?:summary|notes?|reports?|record|log|results?)\b|"
        r"\bsummary of (?:changes|work|results)\b|\bresults?\b|\bwhat (?:was|we|i) (?:did|"
        r"done|changed|implemented|built)\b|\bchange ?log\b|"
        r"\bdebug log\b|\bqa results\b|\bfile list\b|\bprogress (?:log|notes|updates?)\b|"
        r"\bretrospective\b|\btype of change\b|\blessons\b|\bhistory\b|\brecent changes\b|"
        r"\bfinal summary\b|"
        r"\bnotas de finalizaci[óo]n\b|更新日志|变更记录|变更历史|変更履歴|변경 ?(?:이력|기록)",
    ),
    (
        Role.ORDER,
        r"\bdependenc(?:y|ies)\b|\bparallel\b|\btimeline\b|\bschedule\b|\bestimat\w*|"
        r"\bexecution (?:order|strategy|sequence)\b|"
        r"\b(?:implementation|rollout|delivery|migration|release|branching) strategy\b|"
        r"\bcritical path\b|\bmvp (?:scope|first|strategy)\b|\bsequenc(?:e|ing)\b|"
        r"^priorit(?:y|ies)$|\bprioriti[sz]ation\b|\bpriority (?:matrix|order|list|levels?)\b|"
        r"\beffort\b|\bprogress (?:tracking|summary)\b|\btask "
        r"summary\b|\bstatistics\b|\bresources?\b|\bteam strategy\b|\blegend\b|\bformat\b|"
        r"\bdependencias\b|\bdepend[êe]ncias\b|\bd[ée]pendances\b|\babh[äa]ngigkeiten\b|"
        r"\bcronograma\b|\bzeitplan\b|\bзависимости\b|"
        r"依赖|统计|时间线|里程碑时间|依存関係|スケジュール|의존성|일정|통계",
    ),
    (
        Role.FILES,
        r"\bfiles?(?: (?:that|which|likely))? (?:to|being|affected|changed|modified|touched|"
        r"involved|created|needed|structure|changes)\b|"
        r"\b(?:critical|key|relevant|affected|modified|touched|new|changed|impacted|related|"
        r"important|source) (?:files?|code|paths?|modules?)\b|\bfiles\b|\bfile (?:map|"
        r"overview|structure|locations?)\b|\bsource tree\b|"
        r"\b(?:project|directory|folder|repo(?:sitory)?|code) (?:structure|layout|tree|"
        r"organi[sz]ation)\b|\barchivos\b|\barquivos\b|\bfichiers\b|\bdateien\b|\bфайлы\b|"
        r"文件(?:结构|列表|清单|变更)|目录结构|项目结构|ファイル(?:構成|一覧)|파일 ?(?:구조|"
        r"목록)|프로젝트 구조",
    ),
    (
        Role.IDEAS,
        r"\bideas?\b|\bsomeday\b|\bmaybe\b|\bice ?box\b|\bparking lot\b|\bfuture (?:work|"
        r"ideas|considerations|enhancements|improvements|extensions|possibilities)\b|"
        r"\bstretch goals?\b|\bideen\b|\bid[ée]es\b|今后|将来|향후",
    ),
    (
        Role.DONE,
        r"^(?:done|completed?|finished|closed|shipped|fixed|resolved|archived?)(?:\b|$)|"
        r"\b(?:completed|finished|done|closed) (?:tasks?|items?|work|features?|todos?|"
        r"phases?)\b|\b(?:recently|already|previously) (?:done|completed|finished|"
        r"implemented)\b|"
        r"^(?:hecho|completad[oa]s?|feito|conclu[íi]d[oa]s?|termin[ée]e?s?|fait|erledigt|"
        r"fertig|fatto|gedaan|сделано|выполнено|готово|已完成|完成済み?|完了|완료)",
    ),
    (
        Role.VALIDATION,
        r"\bverif(?:y|ication)\b|\bvalidation\b|\bvalidate\b|\btest(?:s|ing)?(?: (?:plan|"
        r"strategy|cases?|steps|checklist|scenarios?|instructions|commands?|approach|"
        r"coverage|requirements?))?$|\bhow to (?:test|verify|validate)\b|\bqa\b|\bquality "
        r"(?:checks?|assurance)\b|\bchecks?\b|\bmanual test\w*|\bindependent test\b|\btest "
        r"(?:plan|strategy|cases?)\b|"
        r"\bverificaci[óo]n\b|\bpruebas\b|\bverifica[çc][ãa]o\b|\btestes\b|"
        r"\bv[ée]rification\b|\b[üu]berpr[üu]fung\b|\bverifica\b|\bпроверка\b|"
        r"\bтестирование\b|"
        r"验证|測試|测试(?:计划|策略)?|検証|テスト|검증|테스트",
    ),
    (
        Role.WORK,
        r"\b(?:implementation|action|work|migration|rollout|execution|fix|refactor(?:ing)?|"
        r"development|project|delivery|release|upgrade|remediation|recovery|deployment|"
        r"improvement)[- ](?:plan|steps?|order|tasks?|phases?|items?|breakdown|checklist|"
        r"roadmap|stages|approach)\b|"
        r"\btasks?\b|\bsub-?tasks?\b|\bto[- ]?dos?\b|\bsteps?\b|\bphases?\b|\bplan\b|"
        r"\bmilestones?\b|\broadmap\b|\bbacklog\b|\bsprint\b|\biterations?\b|\bstages?\b|"
        r"\bimplementation\b|"
        r"\b(?:fix(?:es)?|changes|work|actions?) (?:required|needed)\b|\brequired "
        r"(?:fix(?:es)?|changes|work|actions?)\b|\baction (?:items?|points?|list)\b|\bactions\b|"
        r"\bnext(?: steps| up| actions)?$|\bremaining(?: work| tasks| items)?\b|"
        r"\bproposed (?:changes|fix(?:es)?|work)\b|\bchanges\b|\bchecklist\b|\bwork items?\b|"
        r"\bworkstreams?\b|"
        r"\bdeliverables?\b|\bfollow[- ]?ups?\b|"
        r"\bwhat (?:needs to|should|must|to|has to) (?:be |change|do|done|happen)\w*|"
        r"\bneeds? to be done\b|\bin progress\b|\bup next\b|\bpending\b|\bopen items\b|"
        r"\bnow\b|\blater\b|\bsoon\b|\bsuggested (?:fix|changes)\b|\bfixes\b|\bdoing\b|"
        r"\bwip\b|\b(?:high|medium|low|top|normal)[- ]priority\b|\bpriority \d|\bquick wins\b|"
        r"\btareas?\b|\bpasos\b|\bplan de\b|\bpendientes?\b|\bpor hacer\b|\btarefas?\b|"
        r"\bpassos\b|\bplano de\b|\ba fazer\b|\bt[âa]ches?\b|\b[ée]tapes?\b|\b[àa] faire\b|"
        r"\baufgaben?\b|\bschritte\b|\bumsetzung\w*|\bzu erledigen\b|\boffene punkte\b|"
        r"\bphase\b|"
        r"\bcompiti\b|\bpassi\b|\bda fare\b|\battivit[àa]\b|\btaken\b|\bstappen\b|\bte "
        r"doen\b|\bzadania\b|\bkroki\b|\bg[öo]revler\b|\byapılacaklar\b|"
        r"\bзадачи\b|\bшаги\b|\bплан\b|\bэтапы?\b|\bсделать\b|任务|步骤|计划|实施|阶段|待办|"
        r"待辦|实现(?:步骤|计划)|开发计划|タスク|手順|実装|計画|ステップ|フェーズ|やること|"
        r"작업|할 ?일|단계|계획|구현|phase",
    ),
    (
        Role.WISH,
        r"\brequirements?\b|\bfeatures?\b|\bfunctional\b|\buser stor(?:y|ies)\b|\bproposed "
        r"(?:solution|design|approach|implementation)\b|\bproposal\b|\bsolutions?\b|"
        r"\bscope\b|\bin[- ]scope\b|\bapproach\b|\bspecifications?\b|\bcapabilities\b|"
        r"\bfunctionality\b|\bepics?\b|\brecommendations?\b|\bimprovements?\b|"
        r"\benhancements?\b|\bwish ?list\b|\bsuggest(?:ed|ions?)\b|\bdecision\b|\bdesired\b|"
        r"\brequest\b|\bmust[- ]haves?\b|\bshould[- ]haves?\b|\bnice[- ]to[- ]haves?\b|"
        r"\bbugs?\b|\bissues\b|\bmvp\b|"
        r"\brequisitos\b|\bfuncionalidades?\b|\bexigences\b|\bfonctionnalit[ée]s\b|"
        r"\banforderungen\b|\brequisiti\b|\beisen\b|\bтребования\b|\bфункции\b|"
        r"\bprops?uesta\b|\bsoluci[óo]n\b|\bproposta\b|\bl[öo]sung\b|"
        r"需求|功能|方案|要件|要求|機能|요구 ?사항|기능|해결",
    ),
    (
        Role.GOAL,
        r"\bgoals?\b|\bobjectives?\b|\bpurpose\b|\boverview\b|\bsummary\b|\bvision\b|"
        r"\bmission\b|\bdescription\b|\btl;?dr\b|\bexecutive summary\b|\babstract\b|\bwhat$|"
        r"\bwhy\b|\bstory\b|\bintent\b|"
        r"\bobjetivos?\b|\bresumen\b|\bresumo\b|\bvis[ãa]o geral\b|\bobjectifs?\b|"
        r"\br[ée]sum[ée]\b|\bziele?\b|\b[üu]berblick\b|\bzusammenfassung\b|\bbeschreibung\b|"
        r"\bobiettiv[oi]\b|\bdoel\b|\bцели?\b|\bцель\b|\bописание\b|"
        r"目标|概述|目的|概要|目標|개요|목표|목적",
    ),
    (
        Role.CONTEXT,
        r"\bbackground\b|\bcontext\b|\bintroduction\b|\bmotivation\b|\bproblems?\b|"
        r"\bcurrent(?:ly)?\b|\bexisting\b|\bactual\b|\banalysis\b|\broot cause\b|"
        r"\bfindings?\b|\bnotes?\b|\breferences?\b|\blinks?\b|\brisks?\b|\bmitigations?\b|"
        r"\bopen questions?\b|\bquestions?\b|\balternatives?\b|\boptions?\b|"
        r"\bconsider(?:ations|ed)\b|\brationale\b|\bdecisions?\b|\bconsequences\b|"
        r"\bdesign\b|\barchitecture\b|\btech(?:nical|nology)? (?:stack|details|design|"
        r"context|notes)\b|\bstakeholders?\b|\bpersonas?\b|\bmetrics\b|\bappendix\b|"
        r"\bglossary\b|\bimpact\b|\bevidence\b|\bexamples?\b|\bdata model\b|\bapi\b|\bsteps "
        r"to reproduce\b|\breproduc\w*|\benvironment\b|\blogs?\b|\bscreenshots?\b|"
        r"\bversions?\b|\bsee also\b|\brelated\b|\bsecurity\b|\bperformance\b|"
        r"\btrade-?offs?\b|\brollback\b|\bstatus\b|"
        r"\bcontexto\b|\bantecedentes\b|\bconsideraciones\b|\bconsidera[çc][õo]es\b|"
        r"\bestado actual\b|\bproblema\b|\bopciones\b|\bnotas\b|\bcontexte\b|"
        r"\bhintergrund\b|\bkontext\b|\bproblem\b|\brisiken\b|\bcontesto\b|\bконтекст\b|"
        r"\bпроблема\b|\bриски\b|"
        r"背景|现状|问题|分析|风险|备注|参考|说明|課題|現状|リスク|備考|배경|현황|문제|위험|"
        r"참고|사용 예시",
    ),
    (
        Role.REFERENCE,
        r"\binstall(?:ation|ing)?\b|\busage\b|\bgetting started\b|\bquick ?start\b|"
        r"\bcontributing\b|\blicen[sc]e\b|\bfaq\b|\bconfiguration\b|\btroubleshooting\b|"
        r"\bprerequisites\b|\bcommands\b|\bcontact\b|\bcredits\b|\backnowledg\w*|"
        r"\bsupport\b|\bhow to (?:use|run|install|build|contribute)\b|\bscreenshots\b|"
        r"\btable of contents\b|\bcontents\b|"
        r"\binstalaci[óo]n\b|\buso\b|\binstala[çc][ãa]o\b|\butilisation\b|\bverwendung\b|"
        r"安装|使用方法|使い方|インストール|설치|사용법",
    ),
)
