"""A small Python package and four plans for it: what `quickstart` runs.

`repository/` holds the package's files, each with `.txt` added to its name, so that no tool that
works on this repository takes them for its own. `plans/` holds structured plans.
"""
