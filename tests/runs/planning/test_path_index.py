"""The index of paths: what is there, what was meant, what words point to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.planning.path_index import PathIndex
from runs.planning.plan_paths import path_fault

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOP = (
    "README.md",
    "docs/orders.md",
    "frontend/package.json",
    "frontend/src/components/CartSummary.tsx",
    "frontend/src/components/index.ts",
    "frontend/src/pages/Checkout/index.tsx",
    "shop/__init__.py",
    "shop/orders/__init__.py",
    "shop/orders/invoice_mailer.py",
    "shop/orders/models.py",
    "shop/orders/views.py",
    "shop/payments/__init__.py",
    "shop/payments/models.py",
    "shop/payments/rate_limiter.py",
    "shop/payments/views.py",
    "tests/orders/test_invoice_mailer.py",
    "tests/payments/test_views.py",
)


def shop() -> PathIndex:
    return PathIndex.of(SHOP)


def best(guesses: Sequence[object]) -> str:
    return getattr(guesses[0], "path", "") if guesses else ""


# --- What is there ----------------------------------------------------------------------------


def test_files_and_folders_of_the_tree_are_there_and_nothing_else_is():
    index = shop()
    assert index.has_file("shop/orders/views.py")
    assert index.has_folder("shop/orders")
    assert index.has_folder("frontend/src/")
    for path in ("shop/orders", "Shop/orders/views.py", "./README.md", "views.py", "", "."):
        assert not index.has_file(path), path
    for path in ("shop/orders/views.py", "orders", "", "/", ".", ".."):
        assert not index.has_folder(path), path


def test_paths_that_no_plan_may_name_are_left_out():
    odd = (
        "/etc/passwd", "../up.py", "a/../../up.py", ".git/config", "a/.GIT/hooks/x", "C:/x", "a\\b",
        "~/x", "a//b", "./a", "a/./b", "a/", "", " ", "a\nb", "a\x1b[2Jb", ".", "..", "git~1/x",
        "!not", "x" * 2000,
    )  # fmt: skip
    index = PathIndex.of((*SHOP, *odd, "späße/größe.py", "a b/c.py", ".github/ci.yml"))
    assert set(index.paths) == {*SHOP, "späße/größe.py", "a b/c.py", ".github/ci.yml"}


def test_an_empty_index_knows_nothing():
    index = PathIndex.of(())
    assert not index.has_file("a")
    assert not index.has_folder("a")
    assert index.nearest("a/b.py") == ()
    assert index.infer("the order's invoice") == ()


# --- What was meant ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("orders/invoice_mailer.py", "shop/orders/invoice_mailer.py"),
        ("invoice_mailer.py", "shop/orders/invoice_mailer.py"),
        ("backend/shop/payments/views.py", "shop/payments/views.py"),
        ("/shop/payments/views.py", "shop/payments/views.py"),
        ("shop\\payments\\views.py", "shop/payments/views.py"),
        ("readme.md", "README.md"),
        ("shop/order/views.py", "shop/orders/views.py"),
        ("shop/orders/view.py", "shop/orders/views.py"),
        ("shop/orders/invoice_mialer.py", "shop/orders/invoice_mailer.py"),
        ("shop/orders/invocie_mailer.py", "shop/orders/invoice_mailer.py"),
        ("shop/orders/invoice-mailer.py", "shop/orders/invoice_mailer.py"),
        ("shop/orders/InvoiceMailer.py", "shop/orders/invoice_mailer.py"),
        ("frontend/src/components/CartSummary.jsx", "frontend/src/components/CartSummary.tsx"),
        ("src/component/CartSummary", "frontend/src/components/CartSummary.tsx"),
        ("src/components/", "frontend/src/components/"),
        ("shop/payment/", "shop/payments/"),
    ],
)
def test_the_path_that_was_meant_comes_first(named: str, meant: str):
    assert best(shop().nearest(named)) == meant


def test_a_unique_match_is_nearly_certain_and_one_of_many_is_not():
    index = shop()
    assert index.nearest("orders/invoice_mailer.py")[0].score >= 0.9
    several = index.nearest("models.py")
    assert {guess.path for guess in several} == {"shop/orders/models.py", "shop/payments/models.py"}
    assert several[0].score < 0.9
    assert not any(guess.score >= 0.6 for guess in index.nearest("elsewhere/entirely/views.py"))


def test_a_new_file_is_near_nothing():
    index = shop()
    for path in ("shop/orders/refunds.py", "shop/coupons/", "Makefile", "../README.md", "/", ""):
        assert index.nearest(path) == (), path


# --- What words point to ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("Send the invoice mail again when the order is paid", "shop/orders/invoice_mailer.py"),
        ("the invoice mailer", "shop/orders/invoice_mailer.py"),
        ("Make the rate limiter of payments configurable", "shop/payments/rate_limiter.py"),
        ("RateLimiters must not block", "shop/payments/rate_limiter.py"),
        ("show the total in the cart summary", "frontend/src/components/CartSummary.tsx"),
        ("Describe orders in the docs", "docs/orders.md"),
        ("Test the invoice mailer", "tests/orders/test_invoice_mailer.py"),
        ("Update the README", "README.md"),
    ],
)
def test_words_lead_to_the_file_that_is_named_after_them(words: str, file: str):
    guesses = shop().infer(words)
    assert file in [guess.path for guess in guesses[:2]]
    assert all(0 < guess.score <= 1 for guess in guesses)


def test_words_that_say_nothing_about_the_tree_lead_nowhere():
    index = shop()
    for words in (
        "",
        "Add it to the code",
        "Deploy everything on Friday",
        "さあ、始めよう",
        "!" * 99,
    ):
        assert index.infer(words) == (), words


def test_a_test_is_meant_only_when_tests_are_spoken_of():
    index = shop()
    assert best(index.infer("the invoice mailer")) == "shop/orders/invoice_mailer.py"
    without = {guess.path: guess.score for guess in index.infer("the invoice mailer")}
    spoken = {guess.path: guess.score for guess in index.infer("tests of the invoice mailer")}
    test = "tests/orders/test_invoice_mailer.py"
    assert spoken[test] > without.get(test, 0)


def test_of_two_files_of_one_name_the_one_that_is_no_test_is_meant():
    index = PathIndex.of(("spec/invoice_mailer.py", "source_code/invoice_mailer.py"))
    assert best(index.infer("the invoice mailer")) == "source_code/invoice_mailer.py"
    assert best(index.infer("the spec of the invoice mailer")) == "spec/invoice_mailer.py"


def test_a_definition_leads_to_its_file():
    read = {"shop/orders/models.py": ("Order", "CustomsDeclaration"), "shop/orders/views.py": ()}
    index = PathIndex.of(SHOP, lambda: read)
    for words in ("fill in CustomsDeclaration", "customs declarations", "customs_declaration()"):
        guesses = index.infer(words)
        assert best(guesses) == "shop/orders/models.py", words
        assert guesses[0].score > 0.8
    # A word of plain English is no name, though there is a class of that name.
    plain = {guess.path: guess.score for guess in index.infer("in the right order")}
    assert plain.get("shop/orders/models.py", 0) < 0.8


def test_as_many_as_asked_for_are_given_best_first():
    others = (f"parts/{number}/wheel_{number}.py" for number in range(900))
    index = PathIndex.of((*others, *(f"parts/{number}/gearbox.py" for number in range(9))))
    guesses = index.infer("the gearbox", limit=7)
    assert len(guesses) == 7
    assert len(index.infer("the gearbox")) == 5
    assert [guess.score for guess in guesses] == sorted(
        (guess.score for guess in guesses), reverse=True
    )


# --- For any input ----------------------------------------------------------------------------

ANY_PATH = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(["src", "a", "..", ".", ".git", "views.py", "Ärger.txt", "x y", "%", "~"]),
        max_size=6,
    ).map("/".join),
    st.sampled_from(SHOP),
)


@given(paths=st.lists(ANY_PATH, max_size=20), asked=ANY_PATH | st.text(max_size=300))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_is_ever_answered_that_is_not_in_the_tree(paths: list[str], asked: str):
    index = PathIndex.of(paths)
    assert set(index.paths) == {p for p in paths if not path_fault(p) and p[-1] != "/"}
    for guess in (*index.nearest(asked), *index.infer(asked)):
        there = (
            index.has_folder(guess.path) if guess.path[-1] == "/" else index.has_file(guess.path)
        )
        assert there, guess
        assert guess.path.rstrip("/") in "\n".join(paths)
        assert 0 < guess.score <= 1


@given(paths=st.lists(ANY_PATH, max_size=20), asked=st.text(max_size=200))
@settings(deadline=None, max_examples=60)
def test_the_order_of_the_list_does_not_matter(paths: list[str], asked: str):
    one, other = PathIndex.of(paths), PathIndex.of(reversed(paths))
    assert one.nearest(asked) == other.nearest(asked)
    assert one.infer(asked) == other.infer(asked)


def test_hostile_questions_take_no_time():
    names = [f"{'a' * number}/{'view' * (number % 50)}s.py" for number in range(1, 200)]
    index = PathIndex.of((*SHOP, *names, *(f"x/{number}/__init__.py" for number in range(3000))))
    index.infer("once")
    index.nearest("once.py")
    for asked in (
        "a" * 1_000_000, "view " * 200_000, "a/" * 500_000, "__init__.py " * 80_000,
        "x/" * 500 + "__init__.py", "Aa" * 500_000, "/".join(SHOP) * 100,
    ):  # fmt: skip
        started = time.perf_counter()
        index.infer(asked)
        index.nearest(asked)
        # Milliseconds in truth; the margin is for a busy machine.
        assert time.perf_counter() - started < 1.0, asked[:20]
