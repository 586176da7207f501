"""Commands that a text names: those that check the work, and those that a person has to look at.

A check is known by its program and subcommand ("cargo test", "npm run lint"), and is only taken
where it is written as a command: in code, in a shell fence, or after a word like "run". Whatever
else a shell fence holds is never run by itself.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runs.planning.formats.document import Fence

SHELLS = frozenset(
    {
        "bash",
        "sh",
        "shell",
        "console",
        "zsh",
        "terminal",
        "shellsession",
        "cmd",
        "bat",
        "powershell",
        "ps1",
        "pwsh",
        "fish",
    }
)

_TASK = (
    r"(?:[\w:.@/-]*(?:test|lint|build|check|verify|valid|typecheck|tsc|ci|e2e|coverage|"
    r"format|fmt|compile|analy[sz]e|spec|audit|types?)[\w:.@/-]*)"
)
_CHECKS: tuple[str, ...] = (
    r"(?:python[\d.]*|py|uv run python) -m (?:pytest|unittest|mypy|ruff|flake8|black|"
    r"pylint|pyright|tox|nox|build|compileall|py_compile|coverage|doctest|bandit|isort|"
    r"django)\b",
    r"(?:python[\d.]* )?\.?/?(?:[\w-]+/)*manage\.py (?:test|check|makemigrations "
    r"--check|migrate --check)\b",
    r"(?:python[\d.]*|node|ruby|php|bash|sh|deno run|tsx|ts-node) "
    r"(?:\./)?[\w./-]*(?:test|check|verify|valid|lint|smoke)[\w./-]*",
    r"(?:pytest|py\.test|tox|nox|mypy|pyright|flake8|pylint|bandit|vulture|nosetests|"
    r"behave|trial|stestr|basedpyright|ty check)\b",
    r"ruff(?: check| format)?\b",
    r"black\b.*--check|black \S+",
    r"isort\b.*--check",
    r"coverage (?:run|report|html)\b",
    r"pre-commit run\b",
    r"hatch (?:run|test|build)\b",
    r"pdm (?:run|test)\b",
    r"(?:npm|pnpm|yarn|bun)(?: -[\w-]+(?:[ =][\w./@-]+)?)*(?: run| workspace "
    r"[\w@/-]+(?: run)?)? " + _TASK,
    r"(?:npm|pnpm) (?:-w )?(?:t|tst|ci|audit)\b",
    r"(?:nx|turbo|lerna|rush|ng|moon)(?: run)? " + _TASK,
    r"(?:npx|pnpm exec|pnpm dlx|yarn dlx|bunx|yarn|pnpm)(?: -y| --yes)? (?:vitest|jest|"
    r"mocha|tsc|eslint|prettier|playwright|cypress|ava|tap|karma|stylelint|markdownlint|"
    r"biome|tsd|knip|svelte-check|vue-tsc|astro check|next (?:build|lint)|vite build|"
    r"nyc|c8|oxlint|htmlhint|depcheck|madge|openspec validate|ajv|commitlint|"
    r"expo-doctor|size-limit|lhci|wrangler .*--dry-run)\b",
    r"(?:vitest|jest|mocha|tsc|eslint|prettier --check|playwright test|cypress run|"
    r"karma start|vue-tsc|svelte-check|biome (?:check|ci|lint)|next (?:build|lint)|vite "
    r"build|astro (?:check|build)|node (?:--[\w-]+(?:=\S+)? )*--(?:test|check))\b",
    r"(?:idf\.py|pio|platformio|west|arduino-cli|particle|esphome)(?: -\S+)* (?:build|"
    r"test|compile|check|run|config)\b",
    r"cargo(?: \+\w+)? (?:test|build|check|clippy|fmt|bench|nextest|doc|audit|deny|"
    r"llvm-cov|miri)\b",
    r"wasm-pack (?:test|build)\b",
    r"go (?:test|build|vet|fmt|mod verify|generate)\b",
    r"(?:golangci-lint|staticcheck|gofmt|govulncheck|gotestsum|revive)\b",
    r"(?:make|just|task|mage|invoke|rake|bundle exec rake|grunt|gulp|buck2?|ninja)(?: "
    r"-[\w-]+(?:[ =][\w./]+)?)* (?:" + _TASK + r"|all)\b",
    r"(?:make|(?:bundle exec )?rake)$",
    r"(?:mkdocs|jekyll|hugo|docusaurus) build\b|sphinx-build\b",
    r"(?:bundle exec |bin/|\./bin/)?(?:rspec|rubocop|rails test|brakeman|minitest|"
    r"cucumber|standardrb|srb tc|steep check)\b",
    r"(?:\./)?(?:mvn|mvnw|gradle|gradlew)(?:\.bat)?(?: -\S+)*(?: (?:clean|:?\S*"
    + _TASK
    + r"|package|install|assemble\w*|-\S+))+",
    r"dotnet (?:test|build|format|restore|publish)\b",
    r"(?:flutter|dart|fvm flutter|melos)(?: run)? (?:test|analyze|build|format|" + _TASK + r")\b",
    r"mix (?:test|compile|format|credo|dialyzer|precommit|check|ecto\.migrate|"
    r"deps\.audit|sobelow)\b",
    r"(?:rebar3|lein|sbt|stack|cabal|zig|swift|bazel|gleam|nim|crystal|dune|opam|"
    r"clojure|ctest|meson|forge|anchor|hardhat|truffle|scarb|snforge|aiken|alr) (?:test|"
    r"build|check|spec|compile|lint|fmt|verify)\b",
    r"xcodebuild\b.*(?:test|build)",
    r"(?:swiftlint|swiftformat|ktlint|detekt|shellcheck|hadolint|yamllint|actionlint|"
    r"markdownlint|ansible-lint|cppcheck|clang-tidy|clang-format|bats|shfmt|vale|typos|"
    r"codespell|sqlfluff lint|buf lint|spectral lint|trivy|semgrep|gitleaks|checkov|"
    r"tfsec|tflint|conftest|promtool check|luacheck|busted|stylua --check|selene|cspell|"
    r"htmltest|linkchecker|lychee)\b",
    r"(?:vendor/bin/|\./vendor/bin/|php )?(?:phpunit|pest|phpstan|psalm|php-cs-fixer|"
    r"phpcs|pint|artisan test|rector)\b",
    r"composer (?:test|validate|check|lint|analy[sz]e|run[- ]\S+)\b",
    r"(?:terraform|tofu|terragrunt) (?:validate|plan|fmt|test)\b",
    r"(?:helm (?:lint|template|test)|kubeval|kubeconform|kubectl (?:diff|apply "
    r".*--dry-run)|kustomize build|cdk (?:synth|diff)|pulumi preview|sam (?:validate|"
    r"build)|serverless package|tk (?:diff|eval|lint))\b",
    r"(?:docker|podman)(?:-| )compose(?: -f \S+)* (?:config|build|run|exec)\b.*",
    r"(?:docker|podman) (?:build|buildx build)\b",
    r"cmake (?:--build|-B|-S|\.)",
    r"(?:nix|nix-shell) (?:flake check|build|fmt|eval|develop -c)\b|nixos-rebuild "
    r"(?:build|dry-build|dry-activate)\b",
    r"(?:deno|bun) (?:test|lint|check|fmt)\b",
    r"(?:uv|poetry|pipenv|pdm|rye|pixi|conda|hatch|mise|nix develop -c|direnv exec \.|"
    r"devbox)(?: run| exec| x)?(?: -\S+)* (?:pytest|mypy|ruff|black|python -m \w+|tox|"
    r"nox|pyright|flake8|pylint|coverage|pre-commit|behave|alembic|manage\.py|python "
    r"\S*(?:test|check|manage)\S*|ty|basedpyright|" + _TASK + r")\b",
    r"(?:sqlfluff|dbt (?:test|build|compile|run)|alembic (?:check|upgrade)|prisma "
    r"(?:validate|generate)|npx prisma (?:validate|generate|migrate)|supabase (?:test|"
    r"db)|great_expectations|openspec validate|specify check|promptfoo eval|changeset "
    r"status|act)\b",
    r"(?:\./|bash |sh )(?:[\w-]+/)*[\w-]*(?:test|check|lint|build|verify|validate|smoke|"
    r"ci)[\w-]*(?:\.(?:sh|py|ps1|bat|js|ts|rb))?\b",
    r"git diff --(?:check|exit-code|stat)\b",
)
_ANY_CHECK = re.compile("(?:" + "|".join(f"(?:{part})" for part in _CHECKS) + ")", re.IGNORECASE)
_PREFIX = re.compile(
    r"^(?:[$>%❯»]\s+|(?:sudo\s+)?(?:time\s+|timeout \d+\w?\s+|env\s+|xvfb-run(?: "
    r"-a)?\s+|cross-env\s+)|[A-Z_][A-Z0-9_]{0,60}=(?:\"[^\"]{0,200}\"|'[^']{0,200}'|"
    r"\S{0,200})\s+|cd\s+\S{1,200}\s*(?:&&|;)\s*|source \S{1,100}\s*(?:&&|;)\s*|\(\s*)",
    re.I,
)
_CODE = re.compile(r"(`{1,2})([^`\n]{2,400})\1")
_RUN_BEFORE = re.compile(
    r"(?:\b(?:run|runs|running|re-run|rerun|execute|executing|via|with|using|ensure|"
    r"verify|command|commands|check|passes|pass|ejecutar|ejecuta|correr|executar|rodar|"
    r"exécuter|lancer|ausführen|führe|esegui|запустить|запуск|uruchom)\b|运行|执行|実行|"
    r"실행)[\s:：*_\"'(]{0,6}$",
    re.I,
)
_BARE = re.compile(
    r"\b(?:(?:npm|pnpm|yarn|bun) (?:run [\w:.-]{2,60}|test)\b|cargo (?:test|build|check|"
    r"clippy|fmt)\b|go (?:test|vet|build) [\w./-]{1,80}|dotnet (?:test|build)\b|flutter "
    r"(?:test|analyze)\b|dart analyze\b|"
    r"mix test\b|python -m (?:pytest|unittest)\b(?: [\w./-]{1,100})?|pytest "
    r"[\w./:-]{2,120}|make (?:test|lint|check|build|ci|verify|fmt)\b|\./gradlew "
    r"\w{2,40}|mvn (?:test|verify|clean \w+|compile)\b|terraform (?:validate|plan)\b|"
    r"swift (?:test|build)\b|npx (?:tsc|vitest|jest|eslint|playwright)(?: "
    r"[\w./:-]{1,40}){0,3})"
)
_MAY_RUN = re.compile(
    r"npm|pnpm|yarn|bun|cargo|go |dotnet|flutter|dart|mix|python|pytest|make|gradlew|"
    r"mvn|terraform|swift|npx"
)
_SINGLE = re.compile(
    r"^(?:pytest|tox|nox|mypy|ruff|flake8|eslint|tsc|jest|vitest|rspec|phpunit|pylint|"
    r"pyright|make|shellcheck|rubocop|golangci-lint|ctest)$"
)
_RISKY = re.compile(
    r"(?:^|[;&|]\s{0,3}|\bsudo\s{1,3})(?:sudo\b|rm\s+-\w*[rf]|mkfs|dd\s+if=|shutdown|"
    r"reboot|chmod\s+-R|chown\s+-R|git\s+(?:push|reset\s+--hard|clean\s+-\w*f|"
    r"filter-branch|rebase)|"
    r"(?:npm|pnpm|yarn|cargo|poetry|twine|gem)\s+(?:publish|upload|push)|"
    r"docker\s+(?:push|system\s+prune|run\b)|kubectl\s+(?:apply|delete|exec|scale|"
    r"rollout)|helm\s+(?:install|upgrade|uninstall|delete)|"
    r"terraform\s+(?:apply|destroy|import)|pulumi\s+(?:up|destroy)|aws\s+\w+|"
    r"gcloud\s+\w+|az\s+\w+|heroku\s+\w+|fly(?:ctl)?\s+deploy|vercel\b|netlify\s+deploy|"
    r"ssh\s+|scp\s+|rsync\s+|systemctl\s+|crontab\s+|psql\b|mysql\b|dropdb\b|"
    r"redis-cli\s+flush|iptables|(?:curl|wget)\b[^|\n]{0,300}\|\s*(?:sudo\s+)?(?:ba|z|"
    r"da)?sh|"
    r"gh\s+(?:release|pr\s+merge|repo\s+delete|workflow\s+run)|"
    r"ansible-playbook\b(?!.*--check)|eval\s|:\(\)\s*\{)",
    re.I,
)
_WRAPPED_CHARS = 600
_ENDLESS = re.compile(
    r"--?watch(?:All)?\b(?!=false)|[:\s](?:watch|serve|dev|start|preview)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class CommandMention:
    """A command as written. `is_check`: it validates work; `is_fenced`: it stood in a fence."""

    text: str
    line: int
    is_check: bool
    is_risky: bool
    is_fenced: bool = False


def commands_in_text(text: str, line: int) -> Iterator[CommandMention]:
    """Commands in code spans, and well-known ones after a word like "run"."""
    for offset, row in enumerate(text.split("\n")):
        if "`" not in row and not _MAY_RUN.search(row):
            continue
        row = row[:4000]  # noqa: PLW2901 - no sentence is longer
        for match in _CODE.finditer(row):
            inner = match[2].strip()
            if is_check(
                inner,
                is_told=bool(_RUN_BEFORE.search(row[max(0, match.start() - 40) : match.start()])),
            ):
                yield CommandMention(inner, line + offset, is_check=True, is_risky=is_risky(inner))
            elif is_risky(inner):
                yield CommandMention(inner, line + offset, is_check=False, is_risky=True)
        plain = _CODE.sub(lambda m: " " * len(m[0]), row)
        for match in _BARE.finditer(plain):
            if _RUN_BEFORE.search(plain[max(0, match.start() - 40) : match.start()]):
                yield CommandMention(
                    match[0].rstrip(". "), line + offset, is_check=True, is_risky=False
                )


def indented_commands(lines: Sequence[str]) -> Iterator[CommandMention]:
    """Checks in indented blocks below a heading or a line that ends in a colon ("Run:").

    Without a fence only a line that is a check as a whole counts.
    """
    is_led = False
    for number, line in enumerate(lines, start=1):
        row = line.strip()
        if not row:
            continue
        is_indented = line.startswith(("    ", "\t"))
        bare = row.removeprefix("$ ")
        if is_led and is_indented and is_check(bare, is_told=True):
            yield CommandMention(bare, number, is_check=True, is_risky=False)
        is_led = row.endswith((":", "：")) or row.startswith("#") or (is_led and is_indented)


def is_shell(fence: Fence) -> bool:
    """Whether a fence holds commands: by its language, or (without one) by its first lines."""
    language = fence.info.split()[0].lower().strip("{}.") if fence.info else ""
    if language:
        return language in SHELLS
    rows = [row.strip() for row in fence.content.split("\n") if row.strip()][:5]
    return bool(rows) and all(
        row.startswith(("$ ", "#", "> ")) or is_check(row, is_told=False) for row in rows
    )


def commands_in_fence(fence: Fence) -> Iterator[CommandMention]:
    """Every command of a shell fence, lines that end in a backslash joined."""
    row, start = "", 0
    prompted = bool(re.search(r"^\s*\$ ", fence.content, re.M))
    for offset, part in enumerate(fence.content.split("\n")[:2000]):
        row, start = (row + " " + part.strip(), start) if row else (part.strip(), offset)
        if row.endswith("\\") and len(row) < _WRAPPED_CHARS:
            row = row[:-1].rstrip()
            continue
        bare = row.removeprefix("$ ") if row.startswith("$ ") else ("" if prompted else row)
        if bare and not bare.startswith(("#", "//", "REM ")):
            bare = re.sub(r"\s+#\s.*$", "", bare)
            yield CommandMention(
                bare,
                fence.line + 1 + start,
                is_check(bare, is_told=True),
                is_risky(bare),
                is_fenced=True,
            )
        row = ""


def is_check(command: str, *, is_told: bool) -> bool:
    """Whether a command line checks work. One bare word counts only where one is told to run it."""
    command = command.strip()
    if len(command) > 1000 or is_risky(command) or _ENDLESS.search(command):
        return False
    for _ in range(6):
        shorter = _PREFIX.sub("", command, count=1)
        if shorter == command:
            break
        command = shorter.strip()
    if " " not in command and not command.startswith(("./", "bin/")):
        return is_told and bool(_SINGLE.match(command))
    return bool(_ANY_CHECK.match(command))


def is_risky(command: str) -> bool:
    """Whether a command could do harm outside of the worktree, or destroy work in it."""
    return bool(_RISKY.search(command[:1000]))
