"""What the machine runs out of: space, memory, locks that are free."""

from __future__ import annotations

from hardening.families import Family
from hardening.specs import PatternSpec
from hardening.types import ActionKind

PATTERNS = (
    PatternSpec(
        id="disk_full",
        family=Family.DISK_FULL,
        priority=1,
        expressions=(
            r"(?i:no space left on device)",
            r"(?:Error|code|errno):? ?ENOSPC\b",
            r"OSError: \[Errno 28\]",
            r"There is not enough space on the disk|not enough disk space|(?i:insufficient disk space|not enough free space|don't have enough free space)",
            r"(?:Disk quota exceeded|disk quota exceeded|EDQUOT)",
            r"database or disk is full|SQLITE_FULL",
            r"\(os error (?:28|112)\)",
        ),
        advice="The disk is full: caches and old worktrees go first.",
        action=ActionKind.PRUNE_CACHES,
        unless=(r"file watchers|inotify",),
        must_match=("OSError: [Errno 28] No space left on device\n", "tar: cart: Cannot write: No space left on device\n"),
        must_not_match=("        raise OSError('No space left on device')\n",),
    ),
    PatternSpec(
        id="out_of_memory",
        family=Family.OUT_OF_MEMORY,
        priority=1,
        expressions=(
            r"JavaScript heap out of memory|Reached heap limit Allocation failed|invalid array length Allocation failed",
            r"java\.lang\.OutOfMemoryError|OutOfMemoryError: |GC overhead limit exceeded",
            r"(?:CUDA|HIP|XPU|MPS backend|GPU|CUBLAS) ?(?:error: )?(?i:out of memory)|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED",
            r"(?m)(?:^|\s)MemoryError(?:: [^\n]*)?\s*$|numpy\.core\._exceptions\.\w*MemoryError",
            r"Unable to allocate [\d.]+ [KMGT]iB for an array",
            r"(?:[Cc]annot|[Cc]ould not|can't) allocate (?:memory|[\d,]+ bytes)|\[Errno 12\]|errno=12\b|\(os error 12\)",
            r"(?:# )?There is insufficient memory for the Java Runtime Environment",
            r"(?:Killed signal terminated program|internal compiler error: Killed|signal: 9, SIGKILL|signal 9 \(core dumped\))",
            r"(?m)(?:^|[\s:]line \d+:\s+\d+ |^\s*\d+ )Killed(?:\s+[\w./\-]+[^\n]{0,100})?\s*$",
            r"(?i:exit(?:ed with)? (?:code|status):? 137)\b|Error 137\b|OOMKilled",
            r"fatal error: runtime: (?:out of memory|cannot allocate memory)",
            r"(?m)(?:^|ERROR: |error: |FATAL: |fatal: )(?i:out of memory)[.!]?\s*$",
            r"std::bad_alloc|virtual memory exhausted|memory allocation of \d+ bytes failed|LLVM ERROR: out of memory",
            r"(?i:out of memory:? kill(?:ed)? process|oom-kill|oom killer)",
            r"Allowed memory size of \d+ bytes exhausted",
            r"Gradle build daemon disappeared unexpectedly|JVM heap space is exhausted",
            r"NoMemoryError: failed to allocate memory",
            r"DefaultCPUAllocator: (?:can't|not enough)|Resource exhausted: OOM when allocating|RESOURCE_EXHAUSTED: Out of memory",
            r"A worker process has failed to exit gracefully and has been force exited.*memory|Worker terminated due to reaching memory limit",
            r"(?:code|errno|Error|error|spawn|fork):? '?ENOMEM\b",
        ),
        advice="Not enough memory: run less at once, or raise the limit.",
        action=ActionKind.LOWER_PARALLELISM,
        must_match=(
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n",
            "c++: fatal error: Killed signal terminated program cc1plus\n",
        ),
        must_not_match=("    except MemoryError:\n", "assert err == 'out of memory'\n"),
    ),
    PatternSpec(
        id="resource_locked",
        family=Family.RESOURCE_LOCKED,
        priority=4,
        expressions=(
            r"OperationalError:? \(?(?:[^\n]{0,40})database (?:table )?is locked",
            r"(?m)(?:^|: |\s)database (?:schema |table )?is locked(?:$|[\s.(:])",
            r"(?:code|Error|error)?:? ?'?SQLITE_BUSY\b",
            r"EBUSY: resource busy or locked",
            r"\[WinError (?:32|33)\]",
            r"being used by another process",
            r"Could not get lock /var/|Unable to (?:acquire the dpkg frontend lock|lock (?:directory|the administration directory))",
            r"(?m)Text file busy(?:$|\s)|ETXTBSY",
            r"(?m)Device or resource busy(?:$|\s)",
            r"Timeout waiting to lock|Timeout waiting for exclusive access|is locked by another process|already held by (?:this )?process",
            r"Error acquiring the state lock|Error locking state",
            r"(?:deadlock detected|Deadlock found when trying to get lock|Lock wait timeout exceeded)",
            r"Unable to create '[^'\n]*\.lock': File exists \(another|waiting for another process to release the lock|Could not acquire lock",
        ),
        advice="Something else holds it: wait and try again, or let one thing use it at a time.",
        unless=(r"are you root\?|Permission denied",),
        action=ActionKind.WAIT_AND_RETRY,
        fixed={"delay_seconds": "5", "attempts": "2"},
        must_match=("sqlite3.OperationalError: database is locked\n", "E: Could not get lock /var/lib/dpkg/lock-frontend\n"),
        must_not_match=(
            "    Blocking waiting for file lock on package cache\n",
            "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock), are you root?\n",
        ),
    ),
)  # fmt: skip
