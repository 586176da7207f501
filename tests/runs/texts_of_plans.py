"""Plans as people write them, for tests: about the repository of the fixture `repository`."""

from __future__ import annotations

# Says what, where and how it is checked.
CLEAR = """\
# Number the lines

Every line of the files says its number.

## Phase 1: Number the first files

- [x] Decide on a format
- [ ] Change `f0.txt` so that it says 0
- [ ] Change `f1.txt` so that it says 1
- [ ] Create `numbers.md`, which describes the format

Verify with `true`.

## Phase 2: Number the others

- [ ] Change `f2.txt` so that it says 2
- [ ] Change `f3.txt` so that it says 3

Verify with `true`.
"""

# A plan, but hardly: no file, no check.
VAGUE = """\
# Better sums

- [ ] Rework how sums are shown
- [ ] Make everything faster
"""

NO_PLAN = """\
The weather was fine on all seven days, and the hotel was near the station.
"""
