"""Maven and Gradle projects; the wrapper that a project brings is preferred."""

import os

from runs.toolchains.folders import Folder, parent
from runs.toolchains.types import Detection, ToolCommand

_GRADLE = ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts")
MANIFESTS = frozenset({"pom.xml", *_GRADLE})

_SUREFIRE = (
    "**/target/surefire-reports/TEST-*.xml",
    "**/target/failsafe-reports/TEST-*.xml",
)
_GRADLE_RESULTS = ("**/build/test-results/**/TEST-*.xml",)


def detect(folder: Folder) -> Detection | None:
    """Maven before Gradle when both are there; modules are spoken for by the project above."""
    if folder.has("pom.xml"):
        return None if _is_above(folder, ("pom.xml",)) else _maven(folder)
    return None if _is_above(folder, _GRADLE) else _gradle(folder)


def _is_above(folder: Folder, names: tuple[str, ...]) -> bool:
    root = folder.root
    while root != ".":
        root = parent(root)
        if any(folder.listing.folder(root).has(name) for name in names):
            return True
    return False


def _maven(folder: Folder) -> Detection:
    path = folder.path("pom.xml")
    problem = ""
    if "<project" not in (folder.read("pom.xml") or ""):
        problem = f"{path} has no <project>: correct it"
    program, requires = _program(folder, "mvnw", "mvn")

    def maven(*argv: str) -> tuple[ToolCommand, ...]:
        return (ToolCommand((*program, "-B", *argv), cwd=folder.root, junit_globs=_SUREFIRE),)

    return Detection(
        toolchain="maven",
        root=folder.root,
        confidence=0.4 if problem else 0.9,
        reasons=tuple(filter(None, (f"{path} is there", problem))),
        manifests=(
            *folder.nested("pom.xml"),
            *folder.present(".mvn/wrapper/maven-wrapper.properties"),
        ),
        # test-compile fetches the plugins too, which dependency:go-offline does not.
        install=maven("-q", "-DskipTests", "test-compile"),
        build=maven("-DskipTests", "package"),
        test=maven("test"),
        smoke=maven("-q", "-DskipTests", "compile"),
        requires=requires,
    )


def _gradle(folder: Folder) -> Detection:
    program, requires = _program(folder, "gradlew", "gradle")

    def gradle(*argv: str) -> tuple[ToolCommand, ...]:
        # A daemon would outlive the attempt.
        argv = (*program, "--no-daemon", "--console=plain", *argv)
        return (ToolCommand(argv, cwd=folder.root, junit_globs=_GRADLE_RESULTS),)

    found = folder.present(*_GRADLE)
    return Detection(
        toolchain="gradle",
        root=folder.root,
        confidence=0.9,
        reasons=(f"{found[0]} is there",),
        manifests=(
            *(path for name in _GRADLE for path in folder.nested(name)),
            *folder.present("gradle.lockfile", "gradle/wrapper/gradle-wrapper.properties"),
        ),
        install=gradle("testClasses"),
        build=gradle("assemble"),
        test=gradle("test"),
        smoke=gradle("classes"),
        requires=requires,
    )


def _program(folder: Folder, wrapper: str, program: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """How it is started, and what must be on PATH for that. The Windows names were not run."""
    if os.name == "nt":
        script = f"{wrapper}.cmd" if wrapper == "mvnw" else f"{wrapper}.bat"
        return ((script,), ("java",)) if folder.has(script) else ((program,), (program,))
    if folder.has(wrapper):
        # Through sh: wrappers committed from Windows have no execute bit.
        return ("sh", f"./{wrapper}"), ("java",)
    return (program,), (program,)
