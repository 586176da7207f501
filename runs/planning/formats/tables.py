"""Tables whose rows are tasks."""

import re

from runs.planning.formats.document import Table
from runs.planning.formats.marks import dependencies, is_marked_done
from runs.planning.formats.reading import DraftTask

_TASK = re.compile(
    r"^(?:tasks?|items?|action(?: items?)?|what|description|story|user story|feature|"
    r"title|step|change|work item|todo|deliverable|activity|requirement|summary|name|"
    r"fix|"
    r"tarea|tarefa|t[âa]che|aufgabe|attivit[àa]|taak|zadanie|задача|任务|任務|内容|"
    r"タスク|作業|작업|내용|할 ?일)s?$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"^(?:#|id|no\.?|nr\.?|task id|num(?:ber)?|№|编号|序号|번호)$", re.IGNORECASE)
_STATUS = re.compile(
    r"^(?:status|state|done\??|complete[d]?\??|progress|estado|statut|статус|状态|狀態|"
    r"状態|상태|✓|✔|✅)$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"^(?:depends(?: on)?|dependenc(?:y|ies)|blocked by|after|deps|依赖|依存)$", re.IGNORECASE
)
_DONE = re.compile(
    r"^\W{0,4}(?:done|complete[d]?|finished|closed|shipped|merged|yes|x|✅|✔|✓|100 ?%|"
    r"hecho|feito|fait|erledigt|fertig|готово|выполнено|已完成|完成|完了|"
    r"완료)\W{0,4}(?:\(.{0,60}\))?$|^(?:✅|✔|☑)",
    re.IGNORECASE,
)


def table_tasks(table: Table) -> list[DraftTask]:
    """A task a row; none when no column is headed as one of tasks."""
    names = [cell.strip("*_` ") for cell in table.header]
    column = _column(names, _TASK)
    if column is None or len(names) < 2:
        return []
    number, status, after = (_column(names, p) for p in (_NUMBER, _STATUS, _AFTER))
    tasks: list[DraftTask] = []
    for index, row in enumerate(table.rows):
        text = _cell(row, column)
        if not text.strip("*_- "):
            continue
        others = [
            f"{n}: {c}"
            for i, (n, c) in enumerate(zip(names, row, strict=False))
            if i != column and c
        ]
        said = _cell(row, status)
        tasks.append(
            DraftTask(
                text=text,
                line=table.lines[index] if index < len(table.lines) else table.line,
                done=bool(_DONE.match(said)) if said else (True if is_marked_done(text) else None),
                number=_cell(row, number).strip("*_` "),
                details=tuple(others),
                depends_on=dependencies(f"depends on {_cell(row, after)}")
                if after is not None
                else (),
            )
        )
    return tasks


def _column(names: list[str], pattern: re.Pattern[str]) -> int | None:
    return next((index for index, name in enumerate(names) if pattern.match(name)), None)


def _cell(row: tuple[str, ...], column: int | None) -> str:
    return row[column] if column is not None and column < len(row) else ""
