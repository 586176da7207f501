"""Plans of our own writing, one or more a format, with what a careful reader finds in them."""

from dataclasses import dataclass

TREE = (
    "README.md",
    "package.json",
    "docs/index.md",
    "src/app.py",
    "src/db/models.py",
    "src/api/users.py",
    "src/ui/login.tsx",
    "tests/test_app.py",
)


@dataclass(frozen=True)
class Sample:
    """`tasks`: the beginnings of all tasks in order; `done`: of those that are finished."""

    text: str
    format: str
    phases: int
    tasks: tuple[str, ...]
    done: tuple[str, ...] = ()


SPEC_KIT = Sample(
    """# Tasks: Guest checkout

**Input**: design documents from `/specs/004-guest/`

## Phase 1: Setup

- [x] T001 Create the module in src/checkout.py
- [ ] T002 [P] Add settings to src/app.py

## Phase 2: User Story 1 - Pay as a guest (P1)

**Goal**: a guest can pay

### Tests for User Story 1

- [ ] T003 [P] [US1] Test the totals in tests/test_totals.py

### Implementation for User Story 1

- [ ] T004 [US1] Compute the totals in src/db/models.py (depends on T003)

## Dependencies

- Phase 1 comes before Phase 2
""",
    "speckit",
    2,
    ("T001", "T002", "T003", "T004"),
    ("T001",),
)
KIRO = Sample(
    """# Implementation Plan

- [x] 1. Prepare the store
  - Create the table
  - _Requirements: 1.1, 1.2_
- [ ] 2. Build the screen
- [ ] 2.1 Draw the list
  - Rows show name and date
  - _Requirements: 2.1_
- [x] 2.2 Sort the list
  - _Requirements: 2.2_
""",
    "kiro",
    2,
    ("1. Prepare", "2. Build", "2.1 Draw", "2.2 Sort"),
    ("1. Prepare", "2.2 Sort"),
)
OPEN_SPEC = Sample(
    "## 1. Server\n- [x] 1.1 Add the route\n- [ ] 1.2 Check the token\n"
    "## 2. Page\n- [ ] 2.1 Show the form\n",
    "openspec",
    2,
    ("1.1 Add", "1.2 Check", "2.1 Show"),
    ("1.1 Add",),
)
AGENT_OS = Sample(
    """# Spec Tasks

- [ ] 1. Export
  - [ ] 1.1 Write tests for the exporter
  - [x] 1.2 Stream the rows
- [ ] 2. Import
  - [ ] 2.1 Parse the file
""",
    "agentos",
    2,
    ("1. Export", "1.1 Write", "1.2 Stream", "2. Import", "2.1 Parse"),
    ("1.2 Stream",),
)
CONDUCTOR = Sample(
    """# Track: faster search

## Phase 1: Index [checkpoint: 1a2b3c4]
- [x] Task: Build the index 9f8e7d6
- [~] Task: Store it
## Phase 2: Query
- [ ] Task: Rank the hits
    - [ ] Sub-task: Weigh titles
""",
    "conductor",
    2,
    ("Task: Build", "Task: Store", "Task: Rank", "Sub-task: Weigh"),
    ("Task: Build",),
)
BACKLOG = Sample(
    """---
id: task-12
title: Export reports as CSV
status: To Do
dependencies: []
references:
  - src/ui/login.tsx
---

## Description

People want to open reports in a spreadsheet.

## Acceptance Criteria

- [ ] #1 A button starts the export
- [ ] #2 All visible columns are in the file

## Implementation Plan

1. Add the exporter to src/app.py
2. Add the button
""",
    "backlog_md",
    1,
    ("Add the exporter", "Add the button"),
)
BMAD = Sample(
    """# Story 1.3: Reset a password

## Status
Draft

## Acceptance Criteria
1. A mail arrives within a minute

## Tasks / Subtasks
- [ ] Task 1: Send the mail (AC: 1)
  - [ ] Render the template
- [x] Task 2: Log the request

## Dev Agent Record
- Model: none
""",
    "bmad",
    1,
    ("Task 1", "Render", "Task 2"),
    ("Task 2",),
)
TASKMASTER = Sample(
    """{"master": {"tasks": [
  {"id": 1, "title": "Read the feed", "status": "done", "dependencies": [],
   "subtasks": [{"id": 1, "title": "Parse dates", "status": "done"}]},
  {"id": 2, "title": "Show the feed", "status": "pending", "dependencies": [1],
   "details": "In src/app.py."}
]}}""",
    "taskmaster",
    1,
    ("Read", "Parse", "Show"),
    ("Read", "Parse"),
)
TASKMASTER_TEXT = Sample(
    """# Task ID: 7
# Title: Photo import
# Status: pending
# Dependencies: 3
# Description: Import photos from the phone

# Subtasks:
## 1. Ask for permission [done]
### Dependencies: None
## 2. Read the metadata [pending]
### Dependencies: 7.1
""",
    "taskmaster_text",
    1,
    ("Ask", "Read"),
    ("Ask",),
)
AGENT_PLAN = Sample(
    """# Rate limiter

**Goal:** No client may call more than ten times a second.

## Implementation

### Task 1: The bucket

**Files:**
- Create: `src/bucket.py`
- Modify: `src/app.py:10-20`

**Step 1: Write the failing test**

Run: `pytest tests/test_bucket.py`

**Step 2: Make it pass**

### Task 2: The middleware

**Step 1: Call the bucket**
""",
    "markdown_plan",
    2,
    ("Step 1: Write", "Step 2: Make", "Step 1: Call"),
)
TO_DO_FRONT = Sample(
    """---
name: Login
overview: A new login
todos:
  - id: form
    content: Add the form to src/ui/login.tsx
    status: pending
  - id: token
    content: Check the token in src/app.py
    status: completed
---
# Login

Prose about it.
""",
    "agent_plan",
    1,
    ("Add the form", "Check the token"),
    ("Check the token",),
)
UPDATE_PLAN = Sample(
    '{"plan": [{"step": "Read the code", "status": "completed"},'
    ' {"step": "Fix the parser", "status": "in_progress"}]}',
    "json_tasks",
    1,
    ("Read", "Fix"),
    ("Read",),
)
YAML = Sample(
    """goal: Faster builds
phases:
  - id: one
    name: Cache
    tasks:
      - Add a cache to src/app.py
      - title: Measure it
        status: done
  - id: two
    name: Docs
    depends_on: [one]
    tasks: [Update README.md]
""",
    "json_phases",
    2,
    ("Add a cache", "Measure", "Update"),
    ("Measure",),
)
PHASES = Sample(
    """# Migration plan

## Overview
Move to the new database.

## Phase 1: Schema
1. Add the tables to `src/db/models.py`
2. Write the migration

## Phase 2: Data (DONE)
- Copy the rows

## Risks
- The copy may take long
""",
    "markdown_plan",
    2,
    ("Add the tables", "Write the migration", "Copy the rows"),
    ("Copy the rows",),
)
REQUIREMENTS = Sample(
    """# PRD: Billing

## Goals
- Earn money

## Functional Requirements
### Payments
- Accept cards
- Refund within a day
### Invoices
- Mail a PDF

## Non-Functional Requirements
- A page opens within 200 ms

## Out of Scope
- Crypto

## Success Metrics
- Ten sales a day
""",
    "markdown",
    1,
    ("Accept", "Refund", "Mail"),
)
TO_DO = Sample(
    "# TODO\r\n\r\n* [ ] fix the header\r\n"
    "* [X] shrink the logo\r\n\t* [ ] check it on a phone\r\n",
    "checklist",
    1,
    ("fix", "shrink", "check"),
    ("shrink",),
)
TO_DO_PLAIN = Sample(
    """# Road map

- search by name
- dark theme?

## Server

- cache the list
- metrics

## Ideas

- rewrite it in another language
""",
    "markdown_plan",
    2,
    ("search", "dark", "cache", "metrics"),
)
TO_DO_TXT = Sample(
    "(A) 2024-01-02 Fix the login @code +web\nx 2024-01-03 Add logging +web\n(B) Write the docs\n",
    "checklist",
    1,
    ("Fix", "Add", "Write"),
    ("Add",),
)
ORG = Sample(
    """#+TITLE: Parser
* Lexer
** TODO [#A] Read numbers                                  :core:
*** hexadecimal ones as well
** DONE Read names
* Tests
** TODO Cover =src/app.py=
""",
    "org",
    2,
    ("Read numbers", "Read names", "Cover"),
    ("Read names",),
)
ISSUE = Sample(
    """Export button does nothing

## Steps to reproduce
1. Open a report
2. Press Export

## Proposed fix
- Call the endpoint from `src/ui/login.tsx`
- Show an error when it fails

## Acceptance Criteria
- [ ] The file is downloaded
""",
    "markdown_plan",
    1,
    ("Call", "Show"),
)
CRITERIA_ONLY = Sample(
    "Add sign-up\n\n## Acceptance Criteria\n- [ ] Hash the password\n- [ ] Send a mail\n",
    "checklist",
    1,
    ("Hash", "Send"),
)
EMAIL = Sample(
    """Hi Tom,

thanks for the call. We need to add a search box to the user page, and please remove the old
filter from src/ui/login.tsx. I'll update the README. It fails every night.

Best,
Ann
""",
    "prose",
    1,
    ("We need to add", "I'll update"),
)
LINES = Sample(
    "TODO:\nFix the login page\nPlease add tests for the client\nRemove old flags\n",
    "prose",
    1,
    ("Fix", "Please add", "Remove"),
)
BOARD = Sample(
    "# Sprint 3\n## Done\n- Login page\n## In progress\n- Search\n## To do\n- Billing\n",
    "markdown_plan",
    3,
    ("Login", "Search", "Billing"),
    ("Login",),
)
HEADINGS = Sample(
    "# Auth\n\n## 1. Extract the token code\nIt is in `src/app.py`.\n\n## 2. Update the callers\n"
    "All of them.\n\n## 3. Write tests\nFor expiry.\n",
    "markdown_plan",
    1,
    ("1. Extract", "2. Update", "3. Write"),
)
TABLE = Sample(
    """# Plan

| # | Task | Status | Depends on |
|---|------|--------|------------|
| 1 | Port the views in `src/app.py` | ✅ Done | - |
| 2 | Remove the shims | Todo | 1 |
""",
    "markdown_plan",
    1,
    ("Port", "Remove"),
    ("Port",),
)
NESTED = Sample(
    """# Release plan

1. Backend
   - Add the endpoint to src/api/users.py
   - Test it
2. Frontend
   - Wire the button
""",
    "markdown_plan",
    1,
    ("Backend", "Add", "Test", "Frontend", "Wire"),
)
GERMAN = Sample(
    """# Plan: Anmeldung

## Schritte
1. Tabelle in `src/db/models.py` erweitern
2. Maske anpassen

## Nicht-Ziele
- Neues Design
""",
    "markdown_plan",
    1,
    ("Tabelle", "Maske"),
)
JAPANESE = Sample(
    "# 実装計画\n## タスク\n- ログイン画面を追加する\n- `src/app.py` を修正する\n",
    "markdown_plan",
    1,
    ("ログイン", "`src/app.py`"),
)
RUSSIAN = Sample(
    "Нужно добавить экспорт на страницу отчётов и исправить ошибку в src/app.py.\n",
    "prose",
    1,
    ("Нужно",),
)
OTHER_BULLETS = Sample(
    "# Tasks\n\n• Add a menu\n• Remove the banner\n\n☐ Write the help page\n☑ Choose a font\n",
    "checklist",
    1,
    ("Write", "Choose"),
    ("Choose",),
)
RFC = Sample(
    """# Summary
A queue for mails.

# Motivation
Mails get lost.

# Detailed design
Mails are kept in a table until they are sent.

# Drawbacks
One more table.

# Alternatives
A broker.
""",
    "rfc",
    1,
    ("Mails are kept",),
)

SAMPLES = {
    name.lower(): value for name, value in dict(globals()).items() if isinstance(value, Sample)
}

NO_PLANS = {
    "nothing": "  \n\t\n",
    "small talk": "ok sounds good, talk to you tomorrow",
    "a question": "How do I install it on Windows? I tried but it did not work.",
    "a poem": "The moon is high,\nthe night is long,\nand so are you.\n",
    "a recipe": "# Pancakes\n\n## Steps\n1. Mix the eggs\n2. Add milk\n3. Heat the pan\n",
    "a manual": "# Foo\nFoo parses.\n## Installation\n- Run `pip install foo`\n## Usage\nCall it.\n"
    "## License\nMIT\n",
    "a changelog": "# Changelog\n\n## 1.2.0\n- Add a menu\n\n## 1.1.0\n- Fix a crash\n",
    "standing rules": "# AGENTS.md\n## Code style\n- Use tabs\n- Always run the linter\n"
    "- Never commit to main\n- Prefer small functions\n",
    "a decision": "# ADR 5\n## Status\nAccepted\n## Context\nWe need a store.\n"
    "## Decision\nWe will use Postgres.\n## Consequences\nGood ones.\n",
    "a log": "[INFO] start\n[ERROR] src/app.py:3:1: bad\n[INFO] Running tests\n[INFO] done\n",
    "data": '{"name": "x", "version": "1.0", "dependencies": {"left": "1"}}',
    "broken data": '{\n  "tasks": [\n    {"title": "Add a menu",}\n  ]\n}',
    "a licence": "Permission is granted to use the software. The notice must be kept. "
    "The authors are not liable for any claim.",
}
