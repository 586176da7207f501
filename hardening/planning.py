"""What would be done about a match, and how far without a person.

The rule of risk: a package is installed without asking only when the project declares it or its
name is in our map of known names. A log can be made to name any package, and so can a model's
code: a name nobody vouches for is never more than a question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.expressions import compiled
from hardening.types import REQUIRED, Action, ActionKind, Mode, Risk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hardening.specs import PatternSpec
    from hardening.types import FailureContext

# What may be undone and touches only the attempt's own worktree, environment or clock.
SAFE = frozenset(
    {
        ActionKind.INSTALL_FROM_MANIFEST,
        ActionKind.RUN_IN_FOLDER,
        ActionKind.ADJUST_TEST_COMMAND,
        ActionKind.SET_EXECUTABLE_BIT,
        ActionKind.REVERT_OUT_OF_SCOPE,
        ActionKind.WAIT_AND_RETRY,
        ActionKind.PICK_FREE_PORT,
        ActionKind.REMOVE_GIT_LOCK,
        ActionKind.REGENERATE_LOCK_FILE,
        ActionKind.SET_ENVIRONMENT_VARIABLE,
        ActionKind.PRUNE_CACHES,
        ActionKind.LOWER_PARALLELISM,
    }
)


def actions_for(
    spec: PatternSpec, specifics: Mapping[str, str], context: FailureContext
) -> tuple[Action, ...]:
    """In the order in which they would be tried; the last is always the advice in words."""
    planned = spec.plan(specifics, context) if spec.plan else _planned(spec, specifics, context)
    if spec.mode is Mode.SUGGEST:
        planned = tuple(_lowered(action) for action in planned)
    if any(action.kind is ActionKind.SUGGEST_ONLY for action in planned):
        return planned
    return (*planned, advise(spec.advice))


def advise(text: str) -> Action:
    return Action(ActionKind.SUGGEST_ONLY, Risk.SUGGEST, text)


def _lowered(action: Action) -> Action:
    return Action(action.kind, Risk.SUGGEST, action.text, action.parameters)


def _planned(
    spec: PatternSpec, specifics: Mapping[str, str], context: FailureContext
) -> tuple[Action, ...]:
    """The action that a row names, with parameters from its groups; none when one is missing."""
    if spec.action is ActionKind.SUGGEST_ONLY:
        return ()
    needed = REQUIRED[spec.action]
    known = {**specifics}
    if spec.action is ActionKind.INSTALL_PACKAGE and "package" in known:
        known.setdefault("module", known["package"])
    if not needed <= known.keys():
        return ()
    parameters = {name: known[name] for name in sorted(needed)}
    if spec.action is ActionKind.INSTALL_PACKAGE:
        return (install(parameters, context, is_known=False),)
    risk = Risk.APPLY if spec.action in SAFE else Risk.ASK
    return (Action(spec.action, risk, spec.advice, parameters),)


def canonical(name: str) -> str:
    """A distribution's name as registries compare it: lower case, runs of - _ . are one -."""
    lowered = name.lower().encode("utf-8", "replace")
    text: str = compiled(r"[-_.]+").sub(b"-", lowered).decode("utf-8", "replace")
    return text


def is_declared(ecosystem: str, package: str, context: FailureContext) -> bool:
    names = (context.declared or {}).get(ecosystem, frozenset())
    if ecosystem == "python":
        return canonical(package) in {canonical(name) for name in names}
    return package in names


def install(parameters: Mapping[str, str], context: FailureContext, *, is_known: bool) -> Action:
    ecosystem, package = parameters["ecosystem"], parameters["package"]
    if is_declared(ecosystem, package, context):
        return Action(
            ActionKind.INSTALL_PACKAGE,
            Risk.APPLY,
            f"Install {package}: the project declares it and it is not installed.",
            parameters,
        )
    if is_known:
        return Action(
            ActionKind.INSTALL_PACKAGE,
            Risk.APPLY,
            f"Install {package}, which is known to provide {parameters['module']}.",
            parameters,
        )
    return Action(
        ActionKind.INSTALL_PACKAGE,
        Risk.ASK,
        f"Install {package}? Nothing vouches for this name: check that it is the package meant.",
        parameters,
    )


def wait(delay_seconds: int, attempts: int, why: str) -> Action:
    return Action(
        ActionKind.WAIT_AND_RETRY,
        Risk.APPLY,
        why,
        {"delay_seconds": str(delay_seconds), "attempts": str(attempts)},
    )


def from_manifest(ecosystem: str, why: str) -> Action:
    return Action(ActionKind.INSTALL_FROM_MANIFEST, Risk.APPLY, why, {"ecosystem": ecosystem})


def run_in(folder: str, why: str) -> Action:
    return Action(ActionKind.RUN_IN_FOLDER, Risk.APPLY, why, {"folder": folder})
