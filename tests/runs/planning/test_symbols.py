"""Names that source files define, in the languages that plans are about."""

from __future__ import annotations

import time

import pytest

from runs.planning.symbols import MAX_FILES, MAX_NAMES, names_defined, sources_of


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (
            "class Order:\n    def total(self): ...\n\nasync def ship(order): ...\n",
            ["Order", "ship"],
        ),
        (
            "package x\n\nfunc (o *Order) Total() int {\n}\n\ntype Cart struct {\n",
            ["Total", "Cart"],
        ),
        ("export default class Cart {\n}\nexport const useCart = () => 1\n", ["Cart", "useCart"]),
        ("export async function* pages() {\n}\n", ["pages"]),
        ("pub(crate) struct Order;\npub fn ship() {}\nimpl Order {\n", ["Order", "ship"]),
        ("public final class Order {\n  private int total;\n}\n", ["Order"]),
        ("defmodule Shop do\nend\n", ["Shop"]),
        ("# class Order is gone\ntotal = 1\n  class Inner:\n", []),
        ("", []),
    ],
)
def test_top_level_definitions_are_found(source: str, names: list[str]):
    assert list(names_defined(source.encode())) == names
    assert list(names_defined(source.replace("\n", "\r\n").encode())) == names


def test_a_file_of_definitions_gives_a_bounded_number_once_each():
    many = "".join(f"def name_{number % 1000}(): ...\n" for number in range(5000))
    assert len(names_defined(many.encode())) == MAX_NAMES


@pytest.mark.parametrize(
    "hostile",
    ["\n" * 200_000, "\nexport " * 25_000, "\nfunc (" + " " * 200_000, "\npub" + "(a" * 90_000,
     "\nclass " + "a" * 200_000, "\nclass" + "\t" * 200_000, "\n" + "public " * 30_000],
)  # fmt: skip
def test_hostile_sources_take_no_time(hostile: str):
    started = time.perf_counter()
    names_defined(hostile.encode())
    assert time.perf_counter() - started < 0.5


def test_tests_and_other_peoples_code_are_not_read_and_the_root_comes_first():
    paths = [
        "shop/orders/models.py", "app.ts", "shop/views.py", "tests/test_views.py", "shop/test_x.py",
        "vendor/lib/x.go", "node_modules/x/index.js", "README.md", "logo.png", "x.min.js",
        "shop/migrations/0001_initial.py", "shop/cart.spec.ts/inner.py",
    ]  # fmt: skip
    assert sources_of(paths) == [
        "app.ts", "shop/views.py", "shop/cart.spec.ts/inner.py", "shop/orders/models.py",
    ]  # fmt: skip
    assert len(sources_of(f"{number}.py" for number in range(5000))) == MAX_FILES
