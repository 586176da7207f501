"""Makes a fresh git repository of the bundled sample."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runs.execution.repository.git import Git
from runs.models import Run
from runs.samples.wheel import wheel_write

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent
SUFFIX = ".txt"
MAX_SAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Sample:
    """`number` tells it from earlier ones; `plans` are files by the id of the run to make."""

    repository: Path
    plans: Mapping[str, Path]


def sample_make(home: Path) -> Sample:
    """A new repository below `home`/quickstart with one commit on `main`.

    Raises GitMissing, GitFailed, OSError.
    """
    number = _number_free(home / "quickstart")
    repository = home / "quickstart" / f"sample-{number}"
    for file in sorted((FOLDER / "repository").rglob(f"*{SUFFIX}")):
        name = file.relative_to(FOLDER / "repository").as_posix().removesuffix(SUFFIX)
        target = repository / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # Read as text: a checkout of ours on Windows may have given them other line ends, and
        # the plans' patches are exact.
        target.write_text(file.read_text(encoding="utf-8"), encoding="utf-8", newline="\n")
    wheel_write(repository / "wheels")
    git_dir = repository / ".git"
    git_dir.mkdir()
    tree = Git(git_dir, repository)
    tree.call("init", "--quiet", "--initial-branch=main")
    tree.call("add", "--all")
    tree.call("commit", "--quiet", "--no-verify", "--message=tally 0.1.0")
    plans = {
        f"quickstart-{number}-{path.stem}": path for path in sorted(FOLDER.glob("plans/*.json"))
    }
    return Sample(repository, plans)


def _number_free(folder: Path) -> int:
    """The first number that neither a folder nor a run has; its folder is made, so it is ours."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, MAX_SAMPLES):
        if Run.objects.filter(run_id__istartswith=f"quickstart-{number}-").exists():
            continue
        try:
            (folder / f"sample-{number}").mkdir()
        except FileExistsError:
            continue
        return number
    raise OSError(f"{folder} has {MAX_SAMPLES} samples; remove some of them.")
