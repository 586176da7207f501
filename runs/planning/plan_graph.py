"""The graph of phases: ids, dependencies, cycles, tiers. Phases are known by their index here."""

from collections import deque
from typing import Any

from runs.planning.plan_faults import FaultList, shown

_Phases = dict[int, dict[str, Any]]
_Edges = dict[int, list[int]]


def check_graph(phases: _Phases, faults: FaultList) -> None:
    """Adds the faults of ids, dependencies and tiers."""
    edges = _edges(phases, _index_of(phases, faults), faults)
    order, cycles = _dependency_order(edges)
    for cycle in cycles:
        names = [str(phases[index]["id"])[:80] for index in (*cycle, cycle[0])]
        where = ("phases", cycle[0], "depends_on", _number(phases, cycle))
        faults.add(where, f"goes round: {' -> '.join(names)}; take out one of these dependencies")
    # Tiers mean nothing in a circle.
    if not cycles:
        _check_tiers(phases, edges, order, faults)


def phase_tiers(phases: _Phases) -> dict[int, int]:
    """The tier of each phase of a plan without faults.

    The given one, else one more than the highest of its dependencies, else 0. With none given that
    is the length of the longest path to the phase.
    """
    nowhere = FaultList()
    edges = _edges(phases, _index_of(phases, nowhere), nowhere)
    return _tiers(phases, edges, _dependency_order(edges)[0])


def _tiers(phases: _Phases, edges: _Edges, order: list[int]) -> dict[int, int]:
    tiers: dict[int, int] = {}
    for index in order:
        given = _given_tier(phases[index])
        above = max((tiers[dependency] + 1 for dependency in edges[index]), default=0)
        tiers[index] = above if given is None else given
    return tiers


def _given_tier(phase: dict[str, Any]) -> int | None:
    tier = phase.get("tier")
    # A whole number may come as 3.0; of what is no number at all the schema has told already.
    return int(tier) if isinstance(tier, int | float) and tier == tier // 1 else None


def _check_tiers(phases: _Phases, edges: _Edges, order: list[int], faults: FaultList) -> None:
    tiers = _tiers(phases, edges, order)
    for index, dependencies in edges.items():
        highest = max(dependencies, key=tiers.__getitem__, default=index)
        if tiers[highest] > tiers[index]:
            needed = shown(phases[highest]["id"])
            message = (
                f"is {tiers[index]}, below tier {tiers[highest]} of {needed}, which it depends on;"
                f" make it {tiers[highest]} or more, or leave it out"
            )
            faults.add(("phases", index, "tier"), message)


def _index_of(phases: _Phases, faults: FaultList) -> dict[str, int]:
    """The index of each id; an id that is taken already, whatever its case, becomes a fault."""
    index_of: dict[str, int] = {}
    first_of: dict[str, int] = {}
    for index, phase in phases.items():
        phase_id = phase.get("id")
        if not isinstance(phase_id, str):
            continue
        first = first_of.setdefault(phase_id.casefold(), index)
        if first != index:
            message = f"{shown(phase_id)} is the id of phases[{first}] already; rename one of them"
            faults.add(("phases", index, "id"), message)
        index_of.setdefault(phase_id, index)
    return index_of


def _edges(phases: _Phases, index_of: dict[str, int], faults: FaultList) -> _Edges:
    """The known dependencies of each phase; the others become faults."""
    edges: _Edges = {index: [] for index in phases}
    for index, phase in phases.items():
        depends_on = phase.get("depends_on")
        for number, name in enumerate(depends_on if isinstance(depends_on, list) else ()):
            where = ("phases", index, "depends_on", number)
            if not isinstance(name, str):
                continue
            if name == phase.get("id"):
                faults.add(where, "is the phase itself; take it out")
            elif name in index_of:
                edges[index].append(index_of[name])
            else:
                faults.add_unknown(where, "the phase", name, index_of)
    return edges


def _dependency_order(edges: _Edges) -> tuple[list[int], list[list[int]]]:
    """Every phase after its dependencies, and the cycles that had to be cut for that.

    Linear in the edges: a cycle that holds everything up is taken as done and the work goes on.
    """
    waiting = {index: dict.fromkeys(dependencies) for index, dependencies in edges.items()}
    dependents: _Edges = {index: [] for index in edges}
    for index, dependencies in waiting.items():
        for dependency in dependencies:
            dependents[dependency].append(index)
    ready = deque(index for index, dependencies in waiting.items() if not dependencies)
    order: list[int] = []
    cycles: list[list[int]] = []
    while waiting:
        if not ready:
            cycles.append(_cycle(waiting))
            ready.extend(cycles[-1])
        index = ready.popleft()
        if waiting.pop(index, None) is None:
            continue
        order.append(index)
        for dependent in dependents[index]:
            if dependent in waiting:
                waiting[dependent].pop(index, None)
                if not waiting[dependent]:
                    ready.append(dependent)
    return order, cycles


def _cycle(waiting: dict[int, dict[int, None]]) -> list[int]:
    """A cycle among phases that all wait for one another, beginning with its first phase."""
    seen: dict[int, None] = {}
    index = min(waiting)
    while index not in seen:
        seen[index] = None
        index = next(iter(waiting[index]))
    path = list(seen)
    cycle = path[path.index(index) :]
    start = cycle.index(min(cycle))
    return cycle[start:] + cycle[:start]


def _number(phases: _Phases, cycle: list[int]) -> int:
    """Which of the first phase's dependencies leads on round the cycle."""
    following = phases[cycle[1]]["id"]
    number: int = phases[cycle[0]]["depends_on"].index(following)
    return number
