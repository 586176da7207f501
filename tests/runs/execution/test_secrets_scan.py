"""Which added lines count as secrets, and which look-alikes do not."""

import time

import pytest

from runs.execution.diffs.diff import ChangeKind, FileChange
from runs.execution.diffs.secrets_scan import MAX_FINDINGS, secrets_in

# Written in two halves, so that no scanner takes this file for a leak.
HEX = "9f86d081884c7d659a2feaa0c55ad015"
RANDOM = "q7Zx2Lw9" + "Rt5Vb8Nc" + "3Jk6Hd1Y" + "p4Sg0Fm7"


def change(text: str, path: str = "src/a.py") -> FileChange:
    lines = text.split("\n")
    hunk = f"@@ -0,0 +1,{len(lines)} @@\n" + "".join(f"+{line}\n" for line in lines)
    patch = f"diff --git a/{path} b/{path}\n--- /dev/null\n+++ b/{path}\n{hunk}".encode()
    return FileChange(
        path,
        None,
        ChangeKind.ADDED,
        "000000",
        "100644",
        len(lines),
        0,
        is_binary=False,
        patch=patch,
    )


def found(text: str, path: str = "src/a.py") -> list[str]:
    return [finding.detector for finding in secrets_in(change(text, path))]


@pytest.mark.parametrize(
    ("text", "detector"),
    [
        ("key = 'AKIA" + "Q3EGVZ7KWLMXJ2RT'", "AWS access key"),
        (
            "url = https://x:ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8@github.com",
            "GitHub token",
        ),
        ("github_pat_" + "11ABCDE" + RANDOM + "_" + RANDOM, "GitHub token"),
        ("glpat-" + RANDOM[:20], "GitLab token"),
        ("xoxb-" + "2871639052-9183746205-" + RANDOM[:24], "Slack token"),
        ("https://hooks.slack.com/services/T" + "02K8Q/B91Z/" + RANDOM[:24], "Slack webhook"),
        ("sk_live_" + RANDOM[:24], "Stripe key"),
        ("sk-ant-" + "api03-" + RANDOM, "Anthropic key"),
        ("sk-proj-" + RANDOM + RANDOM[:10], "OpenAI key"),
        ("AIza" + RANDOM + "xQ2", "Google API key"),
        ("npm_" + RANDOM + "Zq8L", "npm token"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI" + "xMjM0In0." + RANDOM, "JSON web token"),
        (f"password = '{RANDOM[:16]}'", "password or token"),
        (f'"api_key": "{HEX}"', "password or token"),
        (f"const clientSecret = `{RANDOM}`", "password or token"),
        (f"SECRET_KEY = b'{RANDOM}'", "password or token"),
        (f"headers['X-Api-Key'] = '{RANDOM}'", "password or token"),
    ],
)
def test_secrets_are_found(text: str, detector: str):
    assert detector in found(text)


def test_settings_files_need_no_quotes():
    for path in ("deploy.yml", ".env.example", "app.properties", "setup.cfg"):
        assert found(f"DB_PASSWORD={RANDOM[:18]}", path) == ["password or token"]
    assert found(f"token = {RANDOM[:18]}", "src/a.py") == []


@pytest.mark.parametrize(
    "kind", ["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"]
)
def test_a_private_key_is_found_with_its_line(kind: str):
    text = f"x\n-----BEGIN {kind}-----\n\n{RANDOM}{RANDOM}\n-----END {kind}-----"
    assert [(f.detector, f.line) for f in secrets_in(change(text))] == [("private key", 2)]
    one_line = f'KEY = "-----BEGIN {kind}-----\\n{RANDOM}{RANDOM}"'
    assert found(one_line) == ["private key"]


@pytest.mark.parametrize(
    "text",
    [
        "if line == '-----BEGIN RSA PRIVATE KEY-----':\n    return parse(line)",
        "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
        "password = 'changeme-please-2024'",
        'password = "${DB_PASSWORD_2024}"',
        "password = '{{ vault_password_9a8b7c }}'",
        "token = '<your-token-here-12345>'",
        "secret = 'xxxxxxxxxxxxxxxx1234'",
        "password = os.environ['DB_PASSWORD_1']",
        "password = '/run/s3crets/Db9x7Kq2Lm4'",
        "blob = 'QmFzZTY0AKIA" + "Q3EGVZ7KWLMXJ2RT'",
        "token: '3f2504e0-4f89-41d3-9a0c-0305e82c3301'",
        "token_url = 'https://auth.corp/oauth2/v2/token'",
        "password_hash = '$2b$12$KIXQ9Zr7uYw3Vt5Lm8NpOe'",
        "public_token_name = 'stripeElementsV3Loader'",
        "password = get_password(user_id=17)",
        "PASSWORD_FIELD = 'user_password_field'",
        "token = 'abcabcabcabc1'",
        f"sha256 = '{HEX}{HEX}'",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "ghp_000000000000000000000000000000000000",
        "tokenize('the quick brown fox 42')",
        "sk-learn-contrib-package-name-that-is-long-and-plain",
        "risk-based-assessment-of-the-something-else-that-is-long-enough-to-match",
    ],
)
def test_look_alikes_are_no_secrets(text: str):
    assert found(text) == []


def test_an_invented_password_in_a_test_is_no_secret():
    assert found("password = 'Secur3-pa55-phrase'", "tests/test_login.py") == []
    assert found("password = 'correct-H0rse-battery'", "tests/test_login.py") == []
    assert found("key = 'AKIA" + "Q3EGVZ7KWLMXJ2RT'", "tests/test_login.py") == ["AWS access key"]


def test_hashes_of_a_lock_file_are_no_secrets():
    lock = change(f'"token": "{RANDOM}"\n"integrity": "sha512-{RANDOM}"', "package-lock.json")
    assert secrets_in(lock, is_lock_file=True) == ()
    assert secrets_in(lock) != ()


def test_a_secret_that_was_removed_is_none():
    patch = b"diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,2 +1 @@\n-password = '%b'\n+x = 1\n"
    removed = FileChange(
        "a", None, ChangeKind.MODIFIED, "100644", "100644", 1, 1,
        is_binary=False, patch=patch % RANDOM.encode(),
    )  # fmt: skip
    assert secrets_in(removed) == ()


def test_evidence_is_redacted():
    (finding,) = secrets_in(change(f"\npassword = '{RANDOM}'"))
    assert finding.evidence == f"{RANDOM[:4]}... (32 characters)"
    assert (finding.line, finding.path) == (2, "src/a.py")
    assert RANDOM not in repr(finding)


def test_findings_are_bounded():
    text = "\n".join(f"password = '{RANDOM}{number}'" for number in range(100))
    assert len(secrets_in(change(text))) == MAX_FINDINGS


def test_a_secret_deep_in_a_long_line_is_found():
    text = "var a=1;" * 5000 + f"x={{password:'{RANDOM}'}};" + "var b=2;" * 5000
    assert found(text) == ["password or token"]


@pytest.mark.parametrize(
    "text",
    [
        "eyJ" * 300_000,
        "password" * 100_000,
        "password=" * 100_000,
        'password="' * 100_000,
        "secret" + " " * 500_000,
        "AKIA" * 200_000,
        "xoxb-" * 200_000,
        "sk-" * 300_000,
        "-----BEGIN PRIVATE KEY-----" * 30_000,
        "token='aB3" * 80_000,
        "password = 'x'\n" * 60_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_megabyte_of_hostile_text_is_read_in_linear_time(text: str):
    hostile = change(text)
    started = time.process_time()
    secrets_in(hostile)
    assert time.process_time() - started < 3  # up to half a second; quadratic would take minutes
