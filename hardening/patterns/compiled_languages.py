"""Go, Rust, Java and Ruby: a dependency that the project does not declare or cannot get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.expressions import compiled
from hardening.families import Family
from hardening.planning import install
from hardening.specs import PatternSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hardening.specs import Hit
    from hardening.types import Action, FailureContext

_RUST_OWN = frozenset({"crate", "self", "super", "std", "core", "alloc", "proc_macro", "Self"})
# Parts of std that code uses without their path: forgotten `use`, no crate.
_RUST_STD_PARTS = frozenset(
    "fs io env path process thread time sync collections fmt mem ptr net str string vec cmp ops iter"
    " rc cell mpsc hash slice char num os ffi any error option result borrow marker convert default"
    " f32 f64 i32 i64 u8 u32 u64 usize hashmap".split()
)

_CRATES = frozenset(
    "serde serde_json serde_yaml serde_derive tokio tokio_util async_std futures futures_util rand"
    " rand_core regex lazy_static once_cell log env_logger tracing tracing_subscriber clap structopt"
    " anyhow thiserror eyre color_eyre chrono time uuid url reqwest hyper tonic prost axum actix_web"
    " actix_rt warp rocket tower tower_http sqlx diesel rusqlite redis mongodb bytes itertools rayon"
    " crossbeam parking_lot dashmap indexmap hashbrown smallvec bitflags byteorder base64 hex sha2"
    " md5 ring rustls openssl native_tls jsonwebtoken bcrypt argon2 tempfile walkdir glob dirs toml"
    " config dotenv dotenvy csv quick_xml image nalgebra ndarray num num_traits num_bigint libc nix"
    " winapi windows syn quote proc_macro2 async_trait pin_project criterion proptest quickcheck"
    " mockall rstest assert_cmd predicates wasm_bindgen js_sys web_sys yew leptos tauri egui bevy"
    " wgpu winit solana_program anchor_lang anchor_spl borsh ethers alloy substrate frame_support"
    " soroban_sdk cosmwasm_std pyo3 neon napi memmap2 flate2 zip tar crc32fast nom pest logos".split()
)


def _has_near(hit: Hit, expression: str) -> bool:
    text = "\n".join(hit.around).encode("utf-8", "replace")
    return bool(compiled(expression).search(text))


def _go(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    module = hit.groups["module"]
    # Without a dot in its first part it is no address: standard library's, or the project's own.
    if "." not in module.split("/", 1)[0]:
        return None
    return {"module": module, "package": module}


def _rust(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    name = hit.groups["module"]
    if name in _RUST_OWN or name in _RUST_STD_PARTS or not name[:1].islower():
        return None
    if name not in _CRATES and not _has_near(
        hit, r"cargo add|unlinked crate|maybe a missing crate|missing crate"
    ):
        return None
    if _has_near(
        hit, r"help: (?:consider importing|a (?:module|struct|crate) with a similar name)"
    ):
        return None
    if _has_near(
        hit,
        r"(?i)help: consider importing (?:this|one of)|there is a crate or module with a similar name|you might be missing a? ?module|`mod ",
    ):
        return None
    return {"module": name, "package": name.replace("_", "-") if "-" in name else name}


def _rust_extern(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    name = hit.groups["module"]
    return None if name in _RUST_OWN or name == "test" else {"module": name, "package": name}


# Without a build file at hand, only these are surely another project's.
_JAVA_LIBRARIES = (
    "org.junit", "junit.", "org.hamcrest", "org.mockito", "org.assertj", "org.testng", "org.slf4j",
    "org.apache.", "ch.qos.", "com.google.", "com.fasterxml.", "org.springframework", "javax.",
    "jakarta.", "io.netty", "lombok", "org.json", "org.hibernate", "com.squareup", "okhttp3",
    "retrofit2", "io.vertx", "reactor.", "kotlin", "scala.", "androidx.", "android.support",
    "org.bukkit", "io.micrometer", "com.mysql", "org.postgresql", "redis.clients",
    "com.amazonaws", "software.amazon", "io.grpc", "org.joda", "com.typesafe", "groovy",
    "org.bouncycastle", "rx.", "io.reactivex", "dagger", "butterknife", "com.mongodb",
    "org.elasticsearch", "io.swagger", "org.mapstruct", "org.yaml", "org.jsoup", "com.rabbitmq",
    "io.jsonwebtoken", "com.zaxxer", "org.flywaydb", "org.powermock", "org.easymock", "spock.",
    "net.bytebuddy", "org.aspectj", "com.auth0", "io.quarkus", "io.micronaut", "feign.",
    "com.github.", "org.projectlombok", "com.vaadin", "javafx.", "org.lwjgl", "com.badlogic",
)  # fmt: skip


def _java_package(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    """`package a.b does not exist`: another project's, unless the file that says so or its
    neighbours have the same beginning."""
    del context
    package = hit.groups["package"]
    parts = package.split(".")
    if (
        not package.startswith(_JAVA_LIBRARIES)
        or parts[-1][:1].isupper()
        or package.startswith(("java.", "sun."))
    ):
        return None
    begin = "/".join(parts[:2])
    text = "\n".join(hit.around).replace("\\", "/")
    if f"/{begin}/" in text or f"{parts[0]}.{parts[1]}." in text.replace(package, ""):
        return None
    words = {word.lower() for word in parts[1:]}
    if any(f"/{word}" in text.lower() for word in words if len(word) > 4):
        return None
    return {"package": package}


def _java_class(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    """A class of a well-known library; one of the program's own is a fault of its build."""
    del context
    package = hit.groups["name"].replace("/", ".").rpartition(".")[0]
    return {"package": package} if package.startswith(_JAVA_LIBRARIES) else None


def _artifact(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    if _has_near(
        hit,
        r"(?i)connect(?:ion)? (?:timed out|refused|reset)|unknown host|UnknownHost|Temporary failure in name|Read timed out|No route to host|503|502|PKIX|status code 5\d\d|Transfer failed|peer not authenticated",
    ):
        return None
    return dict(hit.groups)


def _gem(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    name = hit.groups["module"]
    if name.startswith((".", "/")) or name.count("/") > 1 or name.split("/")[0] in {
        "spec", "test", "lib", "app", "config", "support", "spec_helper", "rails_helper", "test_helper",
    }:  # fmt: skip
        return None
    return {
        "module": name,
        "package": name.split("/")[0].replace("_", "-") if "/" in name else name,
    }


def _ask(ecosystem: str):  # type: ignore[no-untyped-def]
    def plan(specifics: Mapping[str, str], context: FailureContext) -> tuple[Action, ...]:
        package = specifics.get("package") or specifics.get("module")
        if not package:
            return ()
        parameters = {
            "ecosystem": ecosystem,
            "package": package,
            "module": specifics.get("module", package),
        }
        return (install(parameters, context, is_known=False),)

    return plan


PATTERNS = (
    PatternSpec(
        id="go_missing_dep",
        family=Family.GO_MISSING_DEP,
        priority=3,
        expressions=(
            r"no required module provides package (?P<module>[\w.\-/~]+)",
            r"cannot find package \"(?P<module>[\w.\-/~]+)\" in(?: any of)?:",
            r"cannot find module providing package (?P<module>[\w.\-/~]+)",
            r"cannot find module for path (?P<module>[\w.\-/~]+)",
            r"could not import (?P<module>[\w.\-/~]+) \((?:no required module|cannot find package|invalid package name|no metadata for)",
            r"package (?P<module>[\w.\-/~]+\.[\w.\-/~]+) is not in (?:GOROOT|std)",
        ),
        advice="Add the module to go.mod: go get, then go mod tidy.",
        refine=_go,
        plan=_ask("go"),
        must_match=(
            "main.go:5:2: no required module provides package github.com/gorilla/mux; to add it:\n",
        ),
        must_not_match=(
            "main.go:4:2: package shop/cart is not in GOROOT (/usr/lib/go/src/shop)\n",
        ),
    ),
    PatternSpec(
        id="rust_missing_dep",
        family=Family.RUST_MISSING_DEP,
        priority=3,
        expressions=(
            r"use of (?:undeclared crate or module|unresolved module or unlinked crate|undeclared type or module) `(?P<module>\w+)`",
            r"unresolved import `(?P<module>\w+)(?:::[^`]*)?`(?:\s[^\n]*\n(?:[^\n]*\n){0,5}?[^\n]*(?:use of unresolved module or unlinked crate|maybe a missing crate|use of undeclared crate or module|you might be missing crate))",
            r"maybe a missing crate `(?P<module>\w+)`",
            r"you might be missing crate `(?P<module>\w+)`",
        ),
        advice="Add the crate to Cargo.toml: cargo add.",
        refine=_rust,
        plan=_ask("rust"),
        must_match=(
            "error[E0433]: failed to resolve: use of undeclared crate or module `serde_json`\n"
            " --> src/main.rs:4:9\n",
        ),
        must_not_match=(
            "error[E0433]: failed to resolve: use of undeclared crate or module `fs`\n"
            " --> src/main.rs:4:9\nhelp: consider importing this module\n",
            "error[E0433]: failed to resolve: use of undeclared type `HashMap`\n",
        ),
    ),
    PatternSpec(
        id="rust_missing_extern_crate",
        family=Family.RUST_MISSING_DEP,
        priority=3,
        expressions=(r"error\[E0463\]: can't find crate for `(?P<module>\w+)`",),
        advice="Add the crate to Cargo.toml: cargo add.",
        refine=_rust_extern,
        plan=_ask("rust"),
        must_match=("error[E0463]: can't find crate for `serde`\n",),
        must_not_match=("error[E0463]: can't find crate for `std`\n",),
    ),
    PatternSpec(
        id="rust_missing_target",
        family=Family.MISSING_SYSTEM_LIB,
        priority=2,
        expressions=(
            r"can't find crate for `(?P<module>std|core|alloc|test)`",
            r"the `(?P<module>[\w-]+)` target may not be installed",
        ),
        advice="Install the target: rustup target add.",
        refine=lambda hit, context: {"library": "rustup target", **hit.groups},
        must_match=("error[E0463]: can't find crate for `core`\n",),
        must_not_match=("error[E0463]: can't find crate for `serde`\n",),
    ),
    PatternSpec(
        id="java_missing_artifact",
        family=Family.JAVA_MISSING_DEP,
        priority=4,
        expressions=(
            r"Could not find artifact (?P<package>[\w.\-]+:[\w.\-]+)\S* in ",
            r"Could not find (?P<package>[\w.\-]+:[\w.\-]+):[\w.\-+\[\],()]+\.?\s*(?:\n[^\n]*)?(?:Searched in the following|Required by)?",
            r"Failure to find (?P<package>[\w.\-]+:[\w.\-]+)\S* in \S+ was cached",
            r"The following artifacts could not be resolved: (?P<package>[\w.\-]+:[\w.\-]+)[^\n]*(?:Could not find|was not found|absent)",
            r"Plugin (?P<package>[\w.\-]+:[\w.\-]+)(?::\S+)? (?:not found in any plugin repository|or one of its dependencies could not be resolved: (?:Could not find|Failure to find))",
            r"unresolved dependency: (?P<package>[\w.\-]+#[\w.\-]+);[^\n]*not found",
            r"(?:sbt\.librarymanagement\.)?ResolveException: (?:unresolved dependency|Error downloading): (?P<package>[\w.\-]+[:#][\w.\-]+)",
            r"Plugin \[id: '(?P<package>[\w.\-]+)'[^\]\n]*\] was not found in any of the following sources",
        ),
        advice="No repository has the artifact: correct its coordinates, or add its repository.",
        refine=_artifact,
        must_match=(
            "[ERROR] Failed to execute goal on project shop: Could not resolve dependencies for"
            " project a:shop:jar:1: Could not find artifact org.acme:cart:jar:9.9 in central (https://repo1)\n",
            "> Could not find org.acme:cart:9.9.\n  Searched in the following locations:\n",
        ),
        must_not_match=(
            "[DEBUG] Could not find artifact org.acme:cart:jar:9.9 in central (https://repo1)\n",
        ),
    ),
    PatternSpec(
        id="java_package_missing",
        family=Family.JAVA_MISSING_DEP,
        priority=6,
        expressions=(
            r"error: package (?P<package>[\w.]+) does not exist",
            r"\] package (?P<package>[\w.]+) does not exist",
        ),
        advice="Declare the library that has this package in the build file.",
        refine=_java_package,
        must_match=(
            "src/main/java/shop/Cart.java:3: error: package org.junit.jupiter.api does not exist\n",
        ),
        must_not_match=(
            "/srv/src/main/java/org/acme/Cart.java:3: error: package org.acme.price does not exist\n",
        ),
    ),
    PatternSpec(
        id="java_missing_class",
        family=Family.JAVA_MISSING_DEP,
        priority=6,
        expressions=(
            r"Exception in thread \"[^\"\n]{1,80}\" java\.lang\.NoClassDefFoundError: (?P<name>[\w/$]+)",
        ),
        advice="The program runs without a library that it was built with: add it to the class path.",
        refine=_java_class,
        must_match=(
            'Exception in thread "main" java.lang.NoClassDefFoundError: org/slf4j/LoggerFactory\n',
        ),
        must_not_match=('Exception in thread "main" java.lang.NoClassDefFoundError: shop/Cart\n',),
    ),
    PatternSpec(
        id="java_removed_module",
        family=Family.JAVA_MISSING_DEP,
        priority=5,
        expressions=(
            r"(?:NoClassDefFoundError|ClassNotFoundException|error: package|class file for):? (?P<package>javax[./](?:xml[./]bind|activation|annotation|jws|xml[./]ws|xml[./]soap|transaction))\b",
        ),
        advice="Java has no such module since version 11: declare the library that brings it.",
        refine=lambda hit, context: {"package": hit.groups["package"].replace("/", ".")},
        must_match=("Caused by: java.lang.ClassNotFoundException: javax.xml.bind.JAXBException\n",),
        must_not_match=("java.lang.ClassNotFoundException: org.acme.Cart\n",),
    ),
    PatternSpec(
        id="ruby_missing_dep",
        family=Family.RUBY_MISSING_DEP,
        priority=3,
        expressions=(
            r"cannot load such file -- (?P<module>[\w./-]+)",
            r"Could not find gem '(?P<module>[\w-]+)[^'\n]*' in locally installed gems",
            r"Could not find (?P<module>[\w-]+)-\d[\w.]* in (?:any of the sources|locally installed gems)",
            r"Gem::MissingSpecError[^\n]*Could not find '(?P<module>[\w-]+)'",
        ),
        advice="Add the gem to the Gemfile, then bundle install.",
        refine=_gem,
        plan=_ask("ruby"),
        must_match=("in `require': cannot load such file -- nokogiri (LoadError)\n",),
        must_not_match=("cannot load such file -- /srv/shop/lib/cart (LoadError)\n",),
    ),
)
