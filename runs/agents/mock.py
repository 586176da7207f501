"""The mock backend: a deterministic builder for trying a plan out without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runs.agents.recipe import inside
from runs.agents.types import BuildResult
from runs.planning.scopes import deliverable_paths

if TYPE_CHECKING:
    from runs.agents.types import BuildRequest, Workbench


class MockBuilder:
    """Writes a placeholder for every file that the phase promises, and touches nothing else.

    The same plan gives the same bytes. A promised file that exists is left as it is.
    """

    def build(self, request: BuildRequest, bench: Workbench) -> BuildResult:
        phase = request.phase
        plain = [path for path in phase.scope.create if not set(path) & set("*?[!")]
        wanted = dict.fromkeys([*deliverable_paths(phase.deliverables), *plain])
        written = []
        for path in wanted:
            if path.endswith("/"):
                continue
            target = inside(bench.tree, path)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(f"mock: {phase.id}: {path}\n".encode())
                written.append(path)
        return BuildResult(ok=True, explanation=f"Placeholders written: {len(written)}.")
