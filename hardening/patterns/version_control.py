"""The state of the git repository at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.families import Family
from hardening.specs import PatternSpec
from hardening.types import ActionKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hardening.specs import Hit
    from hardening.types import FailureContext


def _lock(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    path = hit.groups["path"].replace("\\", "/")
    inside = path.rsplit(".git/", 1)[-1]
    return {"path": f".git/{inside}"}


PATTERNS = (
    PatternSpec(
        id="git_lock",
        family=Family.GIT_ERROR,
        priority=2,
        expressions=(
            r"Unable to create '(?P<path>[^'\n]{0,300}\.git/[^'\n]{1,200}\.lock)': File exists",
            r"[Cc]annot lock ref '[^'\n]{1,200}': Unable to create '(?P<path>[^'\n]{0,300}\.git/[^'\n]{1,200}\.lock)': File exists",
        ),
        advice="Another git process has the lock, or left it: remove it when none runs.",
        refine=_lock,
        action=ActionKind.REMOVE_GIT_LOCK,
        must_match=("fatal: Unable to create '/srv/shop/.git/index.lock': File exists.\n",),
        must_not_match=("removing .git/index.lock\n",),
    ),
    PatternSpec(
        id="git_dirty_tree",
        family=Family.GIT_ERROR,
        priority=4,
        expressions=(
            r"(?:Your local changes to the following files would be overwritten|untracked working tree files would be (?:overwritten|removed))",
            r"(?:cannot (?:pull with rebase|rebase)|Cannot rebase|cannot (?:checkout|switch branch)): (?:You have unstaged changes|Your index contains uncommitted)",
            r"(?:error|fatal): (?:cannot|You cannot|Your) [^\n]{0,60}(?:unstaged changes|uncommitted changes|local changes)",
            r"Please,? (?:commit your changes or stash them|move or remove them before)",
            r"(?:Working (?:tree|directory) (?:is not clean|not clean|has modifications)|working tree contains unstaged changes|Git working directory (?:not|is not) clean|uncommitted changes[^\n]{0,30}(?:abort|refus|error))",
        ),
        advice="The working tree has changes that are in the way: commit or put them aside.",
        must_match=("error: Your local changes to the following files would be overwritten by merge:\n",),
        must_not_match=("nothing to commit, working tree clean\n",),
    ),
    PatternSpec(
        id="git_conflict",
        family=Family.GIT_ERROR,
        priority=4,
        expressions=(
            r"CONFLICT \((?:content|add/add|modify/delete|rename/\w+|file/directory|submodule|binary)[^)\n]*\)",
            r"Automatic merge failed; fix conflicts",
            r"(?:error|Could not|could not): ?(?:could not |Could not )?apply [0-9a-f]{7,40}|(?m)^(?:error: )?[Cc]ould not apply [0-9a-f]{7,40}",
            r"error: patch (?:failed|does not apply)|error: [^\n]{1,200}: (?:patch does not apply|does not match index|does not exist in index|already exists in (?:index|working directory))",
            r"error: (?:Merging|Committing|Pulling|Cherry-picking|Reverting) is not possible because you have unmerged files",
            r"fatal: (?:Exiting because of an unresolved conflict|You have not concluded your merge)",
            r"(?:Patch failed at \d+|error: Failed to merge in the changes|Resolve all conflicts manually)",
            r"fatal: refusing to merge unrelated histories|fatal: Not possible to fast-forward|fatal: Need to specify how to reconcile divergent branches",
            r"(?:hunk|Hunk) #\d+ FAILED at \d+|\d+ out of \d+ hunks? FAILED",
            r"error: corrupt patch at line \d+|fatal: corrupt patch at line",
        ),
        advice="Two changes meet in one place: resolve the conflict.",
        must_match=("CONFLICT (content): Merge conflict in shop/cart.py\n", "error: could not apply 1a2b3c4d... sell carts\n"),
        must_not_match=("npm error Conflicting peer dependency: react@17\n",),
    ),
    PatternSpec(
        id="git_error",
        family=Family.GIT_ERROR,
        priority=5,
        expressions=(
            r"fatal: (?:detected dubious ownership|unsafe repository)",
            r"fatal: not a git repository",
            r"fatal: destination path '[^'\n]{1,300}' already exists",
            r"fatal: (?:repository|Repository) '[^'\n]{1,300}' (?:not found|does not exist)",
            r"remote: (?:Repository not found|Not Found)|ERROR: Repository not found",
            r"fatal: (?:couldn't find remote ref|Couldn't find remote ref|Remote branch \S+ not found|invalid (?:reference|refspec|object name|upstream)|ambiguous argument|bad (?:object|revision|config)|Needed a single revision|your current branch)",
            r"fatal: (?:No such remote|'[^'\n]{1,200}' (?:does not appear to be a git repository|is already checked out|already exists|is not a commit|is already used by worktree))",
            r"fatal: (?:reference is not a tree|remote error|No (?:url|annotated tags|tags|submodule mapping)|pathspec|Unable to find|cannot|unable to (?:read tree|auto-detect email)|A branch named|a branch named|invalid gitfile|loose object|bad tree|shallow file has changed|no such branch|ref \S+ is not)",
            r"error: (?:pathspec '[^'\n]{1,300}' did not match|src refspec \S+ does not match any|failed to push some refs|RPC failed|object file \S+ is empty|unable to (?:unlink old|create file)[^\n]*|Server does not allow request for unadvertised)",
            r"Please tell me who you are|empty ident name|unable to auto-detect email address",
            r"! \[(?:rejected|remote rejected)\]",
            r"fatal: (?:unable to (?:create|write)|Unable to create '[^'\n]*': )",
            r"(?:fatal|error): (?:bad index file|index file (?:corrupt|smaller)|unable to read sha1)",
            r"You are not currently on a branch|HEAD detached[^\n]{0,20}cannot|There is no tracking information for the current branch",
            r"error: Entry '[^'\n]{1,300}' (?:not uptodate|would be overwritten)",
            r"git(?:-lfs)?: '?\S+'? is not a git command|smudge filter lfs failed|Error downloading object: [^\n]{0,100}LFS",
            r"fatal: (?:transport '\S+' not allowed|protocol error|bad boundary|write error)",
            r"This repository moved\. Please use|does not have a commit checked out|fatal: in unpopulated submodule",
        ),
        unless=(r"Authentication failed|could not read Username|unable to access 'https?://|Could not read from remote|index\.lock",),
        advice="git refuses: its message says what it misses.",
        must_match=(
            "fatal: detected dubious ownership in repository at '/srv/shop'\n",
            "fatal: not a git repository (or any of the parent directories): .git\n",
        ),
        must_not_match=("fatal: Authentication failed for 'https://git.example/shop'\n", "fatal: the cart is empty\n"),
    ),
)  # fmt: skip
