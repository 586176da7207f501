"""Scores `normalize_plan` on a folder of labelled plans, with the folder's own scorer.

    python -m benchmarks.eval_plans FOLDER [OPTION OF THE SCORER...]

FOLDER has `score_plans.py` and `plans/NNN/` (texts, file lists, labels). It is no part of this
repository: without it nothing is measured, and that is said.
"""

import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """The scorer's exit code; 0 when there is nothing to score."""
    folder = Path(arguments[0] if arguments else "../shared/eval").resolve()
    scorer = folder / "score_plans.py"
    if not scorer.is_file():
        print(
            f"Skipped: {scorer} does not exist. Set AUTOPACK_EVAL_DIR to a folder with"
            " score_plans.py and labelled plans to measure the normalizer."
        )
        return 0
    normalize = shlex.join([sys.executable, str(ROOT / "manage.py"), "normalize_plan"])
    command = [sys.executable, str(scorer), "--run", normalize, *arguments[1:]]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
