"""Code and its surroundings: what does not parse, cannot be decoded, is not set, takes too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.expressions import compiled
from hardening.families import Family
from hardening.planning import wait
from hardening.specs import PatternSpec
from hardening.types import Action, ActionKind, Risk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hardening.specs import Hit
    from hardening.types import FailureContext


def _has_near(hit: Hit, expression: str) -> bool:
    text = "\n".join(hit.around).encode("utf-8", "replace")
    return bool(compiled(expression).search(text))


def _said(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    return {key: value for key, value in hit.groups.items() if value}


def _plan_utf8(specifics: Mapping[str, str], context: FailureContext) -> tuple[Action, ...]:
    del specifics, context
    return (
        Action(
            ActionKind.SET_ENVIRONMENT_VARIABLE,
            Risk.APPLY,
            "Let Python read and write UTF-8.",
            {"name": "PYTHONUTF8", "value": "1"},
        ),
    )


def _key_error(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    """KeyError: 'NAME' counts when it was the environment that was asked."""
    del context
    if not _has_near(
        hit, r"os\.environ|environ\[|in __getitem__|getenv|raise KeyError\(key\)|from None"
    ):
        return None
    if not _has_near(hit, r"environ"):
        return None
    return dict(hit.groups)


def _settings(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    """A settings object that misses fields: its name says that it reads the environment."""
    del context
    if not _has_near(
        hit, r"Field required|field required|Missing required|type=missing|value_error\.missing"
    ):
        return None
    text = "\n".join(hit.after).encode("utf-8", "replace")
    found = compiled(r"(?m)^(?:E\s+)?(\w+)\s*\n[^\n]*(?:[Ff]ield required)").search(text)
    return {"variable": found.group(1).decode("utf-8", "replace")} if found else {}


def _syntax(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    if "EJSONPARSE" in hit.matched:
        return {}
    if _has_near(
        hit,
        r"The requested module '[^'\n]*' does not provide an export|is not valid JSON|JSON\.parse|in JSON at position|JSON input",
    ):
        return None
    if _has_near(
        hit,
        r"(?m)^E?\s*(?:assert |AssertionError)|SQL syntax|psycopg2\.errors|sqlite3\.OperationalError",
    ):
        return None
    return {key: value for key, value in hit.groups.items() if value}


PATTERNS = (
    PatternSpec(
        id="encoding_error",
        family=Family.ENCODING_ERROR,
        priority=6,
        expressions=(
            r"Unicode(?:En|De)codeError: '(?P<codec>[\w\-]+)' codec can't (?:en|de)code",
            r"'(?P<codec>charmap|ascii|cp\d+|gbk|latin-1|utf-?8|mbcs|euc_\w+|shift_jis)' codec can't (?:en|de)code (?:character|byte)",
            r"unmappable character[^\n]{0,40}for encoding (?P<codec>[\w\-]+)",
            r"invalid byte sequence in (?P<codec>US-ASCII|UTF-8)",
            r"incompatible character encodings|\"\\x[0-9A-F]{2}\" (?:from|to|on) (?:ASCII-8BIT|US-ASCII|UTF-8)",
            r"stream did not contain valid UTF-8|invalid utf-8 sequence|(?:file|source) (?:contained bytes that are not valid|is not valid) UTF-?8",
            r"SyntaxError: (?:Non-ASCII character|Non-UTF-8 code starting with|\(unicode error\)|encoding problem)",
            r"Malformed(?:Input|ByteSequence)Exception|MalformedInputException|Malformed UTF-8|UnmappableCharacterException|Invalid byte \d of \d-byte UTF-8",
            r"configured to use ASCII as encoding|locale\.Error: unsupported locale setting",
            r"illegal byte sequence|(?:LC_ALL|LANG)[^\n]{0,40}(?:not set to a UTF-8|cannot be used)",
        ),
        advice="Text in another encoding than expected: name the encoding where it is read or written.",
        refine=_said,
        plan=_plan_utf8,
        must_match=("UnicodeEncodeError: 'charmap' codec can't encode character '\\u2713' in position 0\n",),
        must_not_match=("except UnicodeDecodeError:\n", "Checking: Prevents UnicodeEncodeError with emoji\n"),
    ),
    PatternSpec(
        id="missing_env_var",
        family=Family.MISSING_ENV_VAR,
        priority=4,
        expressions=(
            r"(?:ImproperlyConfigured|django\.core\.exceptions\.ImproperlyConfigured): Set the (?P<variable>\w+) environment variable",
            r"ImproperlyConfigured: (?:The (?P<variable>SECRET_KEY) setting must not be empty|Requested settings?, but settings are not configured)",
            r"settings are not configured\. You must either define the environment variable (?P<variable>\w+)",
            r"(?i:environment variable) [\"'`$]?\{?(?P<variable>[A-Z][A-Z0-9_]+)\}?[\"'`]? (?i:is not set|not set|is required|must be set|not found|is missing|is not defined|not defined|was not (?:set|found|provided)|is unset|is undefined|needs to be set|missing|is empty)",
            r"[\"'`$]?\{?(?P<variable>[A-Z][A-Z0-9]*_[A-Z0-9_]+|JAVA_HOME|GOPATH)\}?[\"'`]? (?i:environment variable|env var(?:iable)?) (?i:is not set|not set|is required|must be set|not found|is missing|is not defined|not defined|was not (?:set|found|provided)|missing|is empty)",
            r"(?i:missing|required|undefined|unset)(?i: required)?(?i: environment| env)(?i: variables?| vars?)[^\n]{0,20}?[:=] ?[\"'`\[]*(?P<variable>[A-Z][A-Z0-9_]+)",
            r"Environment variable not found: [\"']?(?P<variable>\w+)",
            r"environment variable `(?P<variable>\w+)` not defined at compile time",
            r"(?P<variable>JAVA_HOME|ANDROID_HOME|ANDROID_SDK_ROOT|GOROOT|M2_HOME|FLUTTER_ROOT|NDK_HOME|ANDROID_NDK_HOME) (?:is (?:not|set to an invalid)|environment variable is not|not set|not found|must be)",
            r"Please set the (?P<variable>[A-Z][A-Z0-9_]+) (?:variable|environment variable)",
            r"SDK location not found\. Define",
            r"The api_key client option must be set|setting the `?(?P<variable>[A-Z][A-Z0-9_]+)`? environment variable",
            r"Did not find (?P<key>\w+), please add an environment variable `(?P<variable>\w+)`",
            r"(?:decouple\.)?UndefinedValueError: (?P<variable>\w+) not found",
            r"(?m)(?:ba|da|z)?sh: (?:line )?\d*:? ?(?P<variable>[A-Z][A-Z0-9_]+): (?:unbound variable|parameter (?:not set|null or not set))",
            r"(?m)line \d+: (?P<variable>[A-Z][A-Z0-9_]+): (?:unbound variable|parameter (?:not set|null or not set))",
            r"required variable (?P<variable>\w+) is missing a value",
            r"(?:EnvError|environs\.EnvError|EnvValidationError|EnvironmentError): (?:Environment variable \"?)?\"?(?P<variable>[A-Z]\w+)\"?",
            r"(?:Error|ERROR|ValueError|RuntimeError|KeyError|Exception): [^\n]{0,40}\b(?P<variable>[A-Z][A-Z0-9]*_[A-Z0-9_]+) (?:is not set|not set|must be set|is required|not found|is missing|not configured|missing|environment|is undefined|is not defined|not defined)",
            r"(?P<variable>[A-Z][A-Z0-9]*_(?:KEY|TOKEN|SECRET|URL|URI|PASSWORD|HOST|ID|DSN)) (?:is not set|not set|must be set|is required|is missing|not configured|is not defined|environment variable)",
            r"Missing required (?:configuration|config|setting)s?: (?P<variable>[A-Z][A-Z0-9_]{3,})",
            r"Invalid environment variables:? ?\{?",
            r"(?:No|Missing) (?:API key|api key|API_KEY|token|access token|DSN) (?:found|provided|set|configured|specified)",
            r"Error: Config validation error: \"(?P<variable>[A-Z][A-Z0-9_]+)\" is required",
        ),
        unless=(r"(?i)Defaulting to a blank|optional|skipp(?:ed|ing)|disabled",),
        advice="Set the variable for this command: its value is the operator's to give.",
        refine=_said,
        must_match=(
            "django.core.exceptions.ImproperlyConfigured: Set the DATABASE_URL environment variable\n",
            "ERROR: JAVA_HOME is not set and no 'java' command could be found in your PATH.\n",
        ),
        must_not_match=("KeyError: 'price'\n", "# DATABASE_URL must be set\n"),
    ),
    PatternSpec(
        id="missing_env_var_read",
        family=Family.MISSING_ENV_VAR,
        priority=4,
        expressions=(r"KeyError: '(?P<variable>[A-Z][A-Z0-9_]{2,})'",),
        advice="Set the variable for this command: its value is the operator's to give.",
        refine=_key_error,
        must_match=('    url = os.environ["DATABASE_URL"]\n  File "/usr/lib/python3.11/os.py", line 679, in __getitem__\nKeyError: \'DATABASE_URL\'\n',),
        must_not_match=("    prices['TEA']\nKeyError: 'TEA'\n",),
    ),
    PatternSpec(
        id="missing_setting",
        family=Family.MISSING_ENV_VAR,
        priority=4,
        expressions=(r"validation errors? for (?P<model>\w*(?:Settings|Config|Configuration|Env|Environment))\b",),
        advice="Set the variables that the settings need, or give an .env file.",
        refine=_settings,
        must_match=("E   pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\nE   TOKEN\nE     Field required [type=missing, input_value={}]\n",),
        must_not_match=("E   pydantic_core._pydantic_core.ValidationError: 1 validation error for Cart\nE   price\nE     Field required [type=missing]\n",),
    ),
    PatternSpec(
        id="syntax_error",
        family=Family.SYNTAX_ERROR,
        priority=8,
        expressions=(
            r"(?m)(?:^|[\s:])(?:SyntaxError|IndentationError|TabError): (?:invalid|unexpected|expected|unterminated|unmatched|EOL|EOF|Missing parentheses|cannot assign|can't assign|f-string|unindent|inconsistent|closing|positional|'|non-default|duplicate argument|keyword|leading zeros|from __future__|future feature|bytes can only|multiple|too many|Generator expression|illegal|named arguments|trailing comma|only single target|source code|did you forget|name '|no binding|nonlocal|bare|Did you mean)[^\n]{0,200}",
            r"(?m)(?:^|[\s:])SyntaxError: (?:Unexpected (?:token|identifier|end of input|string|number|reserved word|strict mode|template)|Invalid (?:or unexpected token|regular expression|left-hand side|destructuring|shorthand)|missing \)|Unterminated|Identifier '[^'\n]*' has already been declared|Cannot use import statement outside a module|await is only valid|Illegal|Unmatched|Missing initializer|[\w./\\\-]+: )[^\n]{0,200}",
            r"SyntaxError: [^\n:]{1,200}: (?:Unexpected token|Unterminated|Identifier|Missing|'?[\w]+'? )[^\n]{0,80}\(\d+:\d+\)",
            r"yaml\.(?:scanner\.ScannerError|parser\.ParserError|composer\.ComposerError)|YAMLException: |YAMLSyntaxError|(?m)^(?:[^\n]{0,40})(?:mapping values are not allowed|could not find expected ':'|did not find expected (?:key|node|'-' indicator))",
            r"(?:tomllib|tomli|toml)\.(?:TOMLDecodeError|decoder\.TomlDecodeError)|TOML parse error at line",
            r"(?:npm ERR!|npm error) (?:code )?EJSONPARSE|Failed to parse (?:package\.json|json)|Invalid package\.json",
            r"(?m)syntax error near unexpected token|syntax error: unexpected end of file|(?:^|: )(?:\d+: )?Syntax error: (?:Unterminated|\"|end of file|word unexpected|Bad|EOF|newline)",
            r"unexpected EOF while looking for matching",
            r"dockerfile parse error|Dockerfile parse error|(?:unknown instruction|Unknown instruction): \w+",
            r"failed to parse manifest at `|could not parse input as TOML|expected an equals, found|errors parsing (?:\S*/)?go\.mod|Non-parseable POM|Malformed POM",
            r"(?m)^[\w./\-]*[Mm]akefile:\d+: \*\*\* missing separator",
            r"E999 (?:SyntaxError|IndentationError|TabError)",
            r"(?m)^error: (?:expected (?:one of [^\n]{1,300}|expression|identifier|item|pattern|type|`[^`\n]{1,20}`|[a-z]+ [a-z]+), found |this file contains an unclosed delimiter|(?:unexpected|mismatched) closing delimiter|unknown start of token)",
            r"\.go:\d+(?::\d+)?: (?:syntax error: |expected '[^'\n]{1,12}', found )",
            r"error: cannot format [^\n]{1,200}: Cannot (?:parse|fix)",
            r"PHP Parse error:|Parse error: syntax error",
            r"(?m)^[\w./\\\-]+\.rb:\d+: syntax error[,:]",
            r"CMake Error[^\n]*:\s*\n?[^\n]*Parse error|Parse error\.  (?:Expected|Function missing)",
            r"(?:Error|error) parsing (?:config|configuration|YAML|yaml|JSON|TOML) ?(?:file)?",
            r"Invalid (?:workflow|YAML|yaml) (?:file|syntax)|You have an error in your yaml syntax",
            r"The workflow is not valid\.|json\.decoder\.JSONDecodeError: [^\n]{0,100}\.json",
            r"SassError: (?:expected|Invalid CSS|unmatched)|CssSyntaxError",
            r"Error: Invalid (?:block definition|expression|character|multi-line string)|Unsupported argument\n|Argument or block definition required",
        ),
        advice="The file does not parse: correct it where the message points.",
        refine=_syntax,
        must_match=(
            '  File "/srv/shop/cart.py", line 3\n    def (\n        ^\nSyntaxError: invalid syntax\n',
            "shop/cart.go:9:2: syntax error: unexpected newline, expected comma or )\n",
            "error: expected one of `;` or `}`, found `let`\n --> src/cart.rs:5:5\n",
            "npm error code EJSONPARSE\nnpm error JSON.parse Failed to parse JSON data.\n",
        ),
        must_not_match=("    except SyntaxError:\n", "import shop.lang.SyntaxError;\n"),
    ),
    PatternSpec(
        id="timeout",
        family=Family.TIMEOUT,
        priority=7,
        expressions=(
            r"panic: test timed out after (?P<limit>\w+)",
            r"(?:Failed: )?Timeout (?:\(?>|of )?[\d.]+ ?s\)? ?(?:from pytest-timeout)?(?:$|\s*\n)",
            r"Failed: Timeout >[\d.]+s|\+{5,} Timeout \+{5,}",
            r"[Ee]xceeded timeout of (?P<limit>\d+) ?ms for a (?:test|hook)|Async callback was not invoked within the (?:\d+ ?ms )?timeout",
            r"Error: Timeout of (?P<limit>\d+)ms exceeded\.",
            r"(?:Test|Hook|Worker|\"?before\w+\"?|\"?after\w+\"? hook) (?:timed out in|timeout of) (?P<limit>\d+) ?ms(?: exceeded)?",
            r"Test timeout of (?P<limit>\d+)ms exceeded",
            r"No output has been received in the last (?P<limit>\d+ ?m\w*)",
            r"(?:exceeded the maximum (?:execution time|time limit|log length)|has exceeded the maximum execution time of|The job exceeded the maximum time limit)",
            r"The action '[^'\n]{1,200}' has timed out after|Build timed out \(after|timeout: the monitored command|Job's? (?:exceeded|execution time)|execution took longer than|exceeded time limit",
            r"subprocess\.TimeoutExpired: Command|TestTimedOutException: test timed out|org\.junit\.runners\.model\.TestTimedOutException",
            r"(?:Too long with no output \(exceeded|no output timeout|Cancelling since a higher|The operation was canceled\.|context deadline exceeded \(test)",
            r"(?:test|tests|job|build|step|command|suite|process|script) (?:timed out|has timed out|exceeded (?:its|the) time(?:out| limit))(?: after [\w. ]+)?",
            r"ERROR: test run timed out|\*\*\*Timeout|TIMEOUT\s+\d+\.\d+ ?s(?:ec)?|Test #\d+: [^\n]{1,100}\*\*\*Timeout",
            r"(?m)^(?:E\s+)?(?:TimeoutError|asyncio\.(?:exceptions\.)?TimeoutError|concurrent\.futures\._base\.TimeoutError)\s*$",
            r"Command timed out after|Terminated due to timeout|killed after timeout|terminating because of timeout",
            r"(?:playwright\._impl\._errors\.|playwright\._impl\._api_types\.)?TimeoutError: (?:Page|Locator|page|locator|Timeout)[^\n]{0,60}(?:Timeout )?\d+ms exceeded|TimeoutException: Message:",
        ),
        by_fact=lambda context: context.timed_out,
        advice="It took too long: once more, with less beside it; then look for what hangs.",
        refine=_said,
        plan=lambda specifics, context: (
            wait(2, 1, "Time-outs of tests are often luck: run the check once more."),
        ),
        must_match=("panic: test timed out after 10m0s\n", "Error: Timeout of 2000ms exceeded. For async tests\n"),
        must_not_match=("TestExecutionTimeoutError::test_level PASSED\n", "timeout = 30\n"),
    ),
)  # fmt: skip
