"""The JSON Schema of the structured plan: the one description of its shape.

`schema.json_schema` exports it and `schema.plan_parse` checks with it. Rules that JSON Schema
cannot say (cycles, unknown dependencies, paths, commands) are in `plan_rules`.
"""

from runs.planning.identifiers import MAX_ID_CHARS
from runs.planning.plan_paths import MAX_PATH_CHARS
from runs.planning.plan_schema_parts import (
    MAX_ARGV,
    MAX_ATTEMPTS,
    MAX_COST_USD,
    MAX_COUNT,
    MAX_FILE_CHARS,
    MAX_LINE_CHARS,
    MAX_LIST_ENTRIES,
    MAX_PHASES,
    MAX_SECONDS,
    MAX_TASK_DEPTH,
    MAX_TASKS,
    MAX_TEXT_CHARS,
    Json,
    array_schema,
    bool_schema,
    choice_schema,
    commands_schema,
    count_schema,
    object_schema,
    paths_schema,
    text_schema,
    texts_schema,
)
from runs.planning.plan_types import SCHEMA_VERSION, Category, Complexity, PlanFlag, StepKind

SCHEMA_ID = "urn:autopack:structured-plan:1"


def build_schema() -> Json:
    """A new copy of the schema, draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **object_schema(
            "Structured plan",
            "A job for Autopack: phases that are built, checked and committed one by one.",
            _plan_properties(),
            required=["phases"],
        ),
        "examples": [_example()],
        "$defs": {
            "phase": object_schema(
                "Phase",
                "A part of the plan that ends in one commit.",
                _phase_properties(),
                required=["id"],
            ),
            "task": object_schema(
                "Task",
                "One thing to do in a phase.",
                _task_properties(),
                required=["id", "text"],
            ),
            "step": {
                **object_schema(
                    "Step",
                    "One action of the recipe backend; which keys it has depends on its kind.",
                    _step_properties(),
                    required=["kind"],
                ),
                "allOf": [
                    _step_needs(StepKind.APPLY_PATCH, patch={"minLength": 1}),
                    _step_needs(StepKind.WRITE_FILE, path={"minLength": 1}),
                    _step_needs(StepKind.RUN, argv={"minItems": 1}),
                ],
            },
        },
    }


def _plan_properties() -> Json:
    return {
        "schema_version": {
            "title": "Schema version",
            "description": "The version of this schema.",
            "const": SCHEMA_VERSION,
            "default": SCHEMA_VERSION,
        },
        "goal": text_schema("Goal", "What the job is for, in the words of its author."),
        "non_goals": texts_schema("Non-goals", "What is out of bounds for the job."),
        "constraints": texts_schema("Constraints", "What has to hold whatever is done."),
        "acceptance_criteria": texts_schema(
            "Acceptance criteria", "When the job as a whole is done."
        ),
        "budgets": object_schema("Budgets", "What the run may use up.", _budget_properties()),
        "flags": object_schema(
            "Flags",
            "Features switched on or off for this run; those left out follow the server.",
            {
                flag.value: bool_schema(title, text, default=None)
                for flag, title, text in (
                    (
                        PlanFlag.INTENTION_CONTEXT,
                        "Intention context",
                        "Remind the builder of what the job is for.",
                    ),
                    (
                        PlanFlag.FAILURE_HARDENING,
                        "Failure hardening",
                        "Try known remedies for known failures first.",
                    ),
                    (
                        PlanFlag.TELEMETRY_DB,
                        "Telemetry",
                        "Store metrics of each attempt in the database.",
                    ),
                )
            },
        ),
        "phases": array_schema(
            "Phases",
            "The parts of the job. Their order decides between phases that could both go first.",
            {"$ref": "#/$defs/phase"},
            minItems=1,
            maxItems=MAX_PHASES,
        ),
        "validation_commands": commands_schema("Checks of the phases that have none of their own."),
    }


def _phase_properties() -> Json:
    return {
        "id": text_schema(
            "Id",
            "Unique in the plan, without regard to case. Letters, digits, '.', '_' and '-'.",
            minLength=1,
            maxLength=MAX_ID_CHARS,
        ),
        "title": text_schema("Title", "One line; the id when left out.", maxLength=MAX_LINE_CHARS),
        "description": text_schema("Description", "What is to be done, for whoever builds it."),
        "tier": count_schema(
            "Tier",
            "A level that groups phases, at least that of every dependency. When left out: one"
            " more than the highest tier of its dependencies, 0 without any.",
            null=False,
            maximum=MAX_COUNT,
        ),
        "depends_on": array_schema(
            "Depends on",
            "Ids of the phases that have to be complete before this one starts.",
            {"type": "string"},
            uniqueItems=True,
            maxItems=MAX_PHASES,
        ),
        "category": choice_schema("Category", "The kind of work.", Category, Category.OTHER),
        "complexity": choice_schema("Complexity", "How hard it is.", Complexity, Complexity.MEDIUM),
        "tasks": array_schema(
            "Tasks", "What to do, in order.", {"$ref": "#/$defs/task"}, maxItems=MAX_TASKS
        ),
        "deliverables": texts_schema("Deliverables", "What is there afterwards: paths, or prose."),
        "acceptance_criteria": texts_schema("Acceptance criteria", "When the phase is done."),
        "scope": object_schema(
            "Scope",
            "Where the phase may write. With 'modify' and 'create' both empty: anywhere.",
            {
                "modify": paths_schema("Modify", "Patterns of files that may be changed."),
                "create": paths_schema("Create", "Patterns of files that may be added."),
                "read_only_context": paths_schema("Context", "Patterns of files worth reading."),
            },
        ),
        "inferred_paths": array_schema(
            "Inferred paths",
            "Files that the phase seems to be about.",
            object_schema(
                "Inferred path",
                "A file and how sure that is.",
                {
                    "path": text_schema("Path", "Relative to the root.", maxLength=MAX_PATH_CHARS),
                    "score": {
                        "title": "Score",
                        "description": "From 0, a guess, to 1, certain.",
                        "type": "number",
                        "minimum": 0,
                        "maximum": 1,
                    },
                },
                required=["path", "score"],
            ),
            maxItems=MAX_LIST_ENTRIES,
        ),
        "validation_commands": commands_schema("Checks that decide whether the phase is done."),
        "builder": object_schema("Builder", "What builds the phase.", _builder_properties()),
        "limits": object_schema("Limits", "Limits of the phase.", _limit_properties()),
        "requires_approval": bool_schema(
            "Requires approval", "Wait for a person before it starts."
        ),
    }


def _task_properties() -> Json:
    return {
        "id": text_schema("Id", "Unique in the phase.", minLength=1, maxLength=100),
        "text": text_schema("Text", "What to do."),
        "done": bool_schema("Done", "Whether it was done before the run."),
        "paths": paths_schema("Paths", "Files and folders that it is about."),
        "subtasks": array_schema(
            "Subtasks",
            f"Its parts; tasks nest {MAX_TASK_DEPTH} levels deep at most.",
            {"$ref": "#/$defs/task"},
            maxItems=MAX_TASKS,
        ),
    }


def _builder_properties() -> Json:
    return {
        "backend": {
            **text_schema("Backend", "The slug of an installed backend."),
            "minLength": 1,
            "maxLength": MAX_ID_CHARS,
            "default": "recipe",
        },
        "model": text_schema("Model", "A model of that backend; '' is its default.", maxLength=200),
        "steps": array_schema(
            "Steps",
            "What the recipe backend does, in order.",
            {"$ref": "#/$defs/step"},
            maxItems=MAX_LIST_ENTRIES,
        ),
    }


def _step_properties() -> Json:
    return {
        "kind": {
            "title": "Kind",
            "description": "What the step does.",
            "enum": [kind.value for kind in StepKind],
        },
        "patch": text_schema("Patch", "apply_patch: a unified diff.", maxLength=MAX_FILE_CHARS),
        "path": text_schema("Path", "write_file: the file.", maxLength=MAX_PATH_CHARS),
        "content": text_schema("Content", "write_file: all of it.", maxLength=MAX_FILE_CHARS),
        "executable": bool_schema("Executable", "write_file: whether it can be run."),
        "argv": array_schema(
            "Argv",
            "run: the program and its arguments. No shell reads them.",
            {"type": "string", "maxLength": MAX_TEXT_CHARS},
            maxItems=MAX_ARGV,
        ),
        "cwd": {
            **text_schema("Folder", "run: where, relative to the root.", maxLength=MAX_PATH_CHARS),
            "default": ".",
        },
        "network": bool_schema("Network", "run: whether it needs the network."),
        "attempts": array_schema(
            "Attempts",
            "Numbers of the attempts (from 1) that do this step; empty, all of them.",
            {"type": "integer", "minimum": 1, "maximum": MAX_ATTEMPTS},
            uniqueItems=True,
            maxItems=MAX_ATTEMPTS,
        ),
    }


def _budget_properties() -> Json:
    return {
        "token_cap": count_schema("Tokens", "Tokens of all models.", minimum=1),
        "cost_cap_usd": {
            "title": "Cost",
            "description": "US dollars, six decimals at most; a number or a decimal string.",
            "type": ["number", "string", "null"],
            "exclusiveMinimum": 0,
            "maximum": MAX_COST_USD,
            "maxLength": 20,
            "default": None,
        },
        "max_duration_minutes": count_schema(
            "Minutes", "Time of the run.", minimum=1, maximum=MAX_SECONDS // 60
        ),
        "max_phases": count_schema("Phases", "Phases that may be done.", minimum=1),
    }


def _limit_properties() -> Json:
    return {
        "timeout_seconds": count_schema(
            "Time", "Seconds that an attempt may take.", minimum=1, maximum=MAX_SECONDS
        ),
        "inactivity_seconds": count_schema(
            "Inactivity", "Seconds without any output.", minimum=1, maximum=MAX_SECONDS
        ),
        "max_attempts": count_schema(
            "Attempts", "Attempts before it fails.", minimum=1, maximum=MAX_ATTEMPTS
        ),
        "max_files": count_schema("Files", "Files that the diff may touch."),
        "max_added_lines": count_schema("Added lines", "Lines that the diff may add."),
        "max_deleted_lines": count_schema("Deleted lines", "Lines that the diff may delete."),
        "max_deleted_files": count_schema("Deleted files", "Files that the diff may delete."),
        "network": bool_schema("Network", "Whether its commands may use the network."),
    }


def _step_needs(kind: StepKind, **needed: Json) -> Json:
    return {
        "if": {"properties": {"kind": {"const": kind.value}}, "required": ["kind"]},
        "then": {"required": list(needed), "properties": needed},
    }


def _example() -> Json:
    return {
        "schema_version": SCHEMA_VERSION,
        "goal": "Say hello to the person who starts the program",
        "budgets": {"max_duration_minutes": 30, "cost_cap_usd": 2.5},
        "phases": [
            {
                "id": "greeting",
                "title": "Add the greeting",
                "category": "feature",
                "complexity": "low",
                "tasks": [{"id": "1", "text": "Write hello.py", "paths": ["src/hello.py"]}],
                "deliverables": ["src/hello.py"],
                "scope": {"create": ["src/hello.py"], "read_only_context": ["README.md"]},
                "validation_commands": ["python src/hello.py"],
                "builder": {
                    "backend": "recipe",
                    "steps": [
                        {
                            "kind": "write_file",
                            "path": "src/hello.py",
                            "content": 'print("hello")\n',
                        }
                    ],
                },
            },
            {
                "id": "docs",
                "title": "Document it",
                "depends_on": ["greeting"],
                "category": "docs",
                "scope": {"modify": ["README.md"]},
                "requires_approval": True,
            },
        ],
        "validation_commands": [["python", "-m", "compileall", "src"]],
    }
