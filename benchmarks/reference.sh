#!/usr/bin/env bash
# The reference of bench_engine: the same git work with nothing around it. Each run is a new
# worktree and branch (the add under a lock, as concurrent adds need), then one commit a phase.
#
#   reference.sh REPOSITORY WORKTREES PATCHES RUNS PHASES CONCURRENCY
set -euo pipefail
export repository=$1 worktrees=$2 patches=$3 phases=$5
runs=$4 concurrency=$6

one_run() {
    set -euo pipefail
    local tree=$worktrees/run-$1
    flock "$repository/.git/add.lock" \
        git -C "$repository" worktree add -q -b "run-$1" "$tree" HEAD
    cd "$tree"
    for ((phase = 1; phase <= phases; phase++)); do
        git apply "$patches/$phase.patch"
        true
        git add -A
        git commit -q -m "Phase $phase"
    done
}
export -f one_run

seq 1 "$runs" | xargs -P "$concurrency" -I{} bash -c 'one_run {}'
