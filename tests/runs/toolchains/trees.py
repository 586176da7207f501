"""A project tree that lives in a dict: what detection is given in these tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from runs.toolchains.detection import toolchains_detect
from runs.toolchains.types import Detection


@dataclass
class DictTree:
    files: Mapping[str, str]
    unreadable: frozenset[str] = field(default_factory=frozenset)

    @property
    def paths(self) -> Sequence[str]:
        return list(self.files)

    def read(self, path: str) -> str | None:
        return None if path in self.unreadable else self.files.get(path)


def detect(files: Mapping[str, str]) -> tuple[Detection, ...]:
    return toolchains_detect(DictTree(files))


def only(files: Mapping[str, str]) -> Detection:
    detections = detect(files)
    assert len(detections) == 1, detections
    return detections[0]
