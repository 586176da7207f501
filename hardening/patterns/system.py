"""What the machine lacks or refuses: libraries, programs, rights, space, memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.expressions import compiled
from hardening.families import Family
from hardening.planning import from_manifest
from hardening.specs import PatternSpec
from hardening.types import Action, ActionKind, Risk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hardening.specs import Hit
    from hardening.types import FailureContext

# Programs that a package manager of the project brings: missing means that it was not installed.
_OF_NODE = frozenset(
    "jest vitest mocha tsc ts-node tsx eslint prettier webpack vite next nuxt react-scripts rollup"
    " ng vue-cli-service nodemon cross-env rimraf concurrently turbo nx lerna gulp grunt ava tap nyc"
    " c8 cypress playwright storybook esbuild tsup babel parcel husky lint-staged stylelint expo"
    " electron prisma nest svelte-kit astro".split()
)
_OF_PYTHON = frozenset(
    "pytest tox nox mypy flake8 pylint black isort ruff coverage sphinx-build uvicorn gunicorn celery"
    " django-admin flask alembic pre-commit poetry pipenv behave scrapy jupyter nosetests bandit".split()
)
_PLACEHOLDER = frozenset("if then else fi do done the a command export set local function".split())


def _has_near(hit: Hit, expression: str) -> bool:
    text = "\n".join(hit.around).encode("utf-8", "replace")
    return bool(compiled(expression).search(text))


def _program(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    name = next(
        (hit.groups[key] for key in ("binary", "other", "third") if hit.groups.get(key)), ""
    )
    if not name:
        return {}
    if "/" in name and not name.startswith(("/usr/", "/bin/", "/opt/")):
        return None  # a file of the project
    plain = name.rsplit("/", 1)[-1].rsplit("\\", 1)[-1]
    if plain in _PLACEHOLDER or plain.endswith(
        (".sh", ".py", ".js", ".txt", ".json", ".yml", ".yaml")
    ):
        return None
    return {"binary": plain.removesuffix(".exe")}


def _plan_program(specifics: Mapping[str, str], context: FailureContext) -> tuple[Action, ...]:
    del context
    binary = specifics.get("binary", "")
    if binary in _OF_NODE:
        return (
            from_manifest("node", f"{binary} comes with the project's packages: install them."),
        )
    if binary in _OF_PYTHON:
        return (
            from_manifest("python", f"{binary} comes with the project's packages: install them."),
        )
    return ()


def _spawned(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    """FileNotFoundError: 'git': a program, when a process was to be started."""
    if not _has_near(
        hit, r"subprocess|_execute_child|Popen|os\.exec|posix_spawn|CreateProcess|pexpect|sh\.py"
    ):
        return None
    return _program(hit, context)


# Names that projects give to headers of their own.
_OWN_HEADERS = frozenset(
    "config.h common.h utils.h util.h types.h version.h main.h defs.h global.h globals.h stdafx.h"
    " pch.h test.h tests.h debug.h log.h settings.h constants.h macros.h helpers.h list.h".split()
)


def _is_own_header(header: str, lead: str) -> bool:
    """A header of the project: relative, generic, or the very file that misses it."""
    if header.startswith(("./", "../")) or header in _OWN_HEADERS:
        return True
    asking = lead.strip().split(":", 1)[0].replace("\\", "/").rsplit("/", 1)[-1]
    return asking.rsplit(".", 1)[0] == header.rsplit("/", 1)[-1].rsplit(".", 1)[0]


# First folders of headers that are installed, also where they are written in quotes.
_INSTALLED = frozenset(
    "boost openssl opencv opencv2 gtest gmock google absl grpc grpcpp curl libxml libxml2 libxslt glib"
    " gtk gdk cairo pango sys net netinet arpa linux asm bits mach python python2 python3 numpy pybind11"
    " eigen eigen3 sdl sdl2 gl gles gles2 glfw x11 vulkan cl cuda thrust cub mpi hdf5 rapidjson nlohmann"
    " spdlog fmt tbb zmq lua lua5 readline ncurses libpq postgresql mysql mariadb sqlite3 jsoncpp json"
    " libavcodec libavformat libavutil libswscale pcap pcre gsl gdal proj geos qt qtcore qtgui qtwidgets"
    " freetype freetype2 libusb libudev dbus systemd avahi bluetooth alsa pulse jack event2 hiredis"
    " mongocxx bsoncxx cppunit cereal folly glog gflags leveldb rocksdb snappy uuid v8 node llvm clang"
    " clang-c asio catch2 doctest glm assimp bullet ode pcl flann vtk itk octave ruby xercesc".split()
)


def _is_in_own_folder(header: str, hit: Hit) -> bool:
    """The compiler shows the line that asks: quotes, and a folder that no library has."""
    if "/" not in header or header.split("/", 1)[0].lower() in _INSTALLED:
        return False
    return any(f'#include "{header}"' in line for line in hit.after[:3])


def _header(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    header = hit.groups.get("header", "")
    if header and (_is_own_header(header, hit.lead) or _is_in_own_folder(header, hit)):
        return None
    if header and context.project is not None and context.project.folders_with(header):
        return None
    return {key: value for key, value in hit.groups.items() if value}


def _permission(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    if _has_near(hit, r"WinError 32|being used by another process|publickey"):
        return None
    return {key: value for key, value in hit.groups.items() if value}


def _plan_bit(specifics: Mapping[str, str], context: FailureContext) -> tuple[Action, ...]:
    path = specifics.get("script", "")
    if not path or path.startswith(("/", "~")) or ".." in path.split("/"):
        return ()
    del context
    return (
        Action(
            ActionKind.SET_EXECUTABLE_BIT,
            Risk.APPLY,
            f"{path} is to be executed and may not be: set its executable bit.",
            {"path": path.removeprefix("./")},
        ),
    )


_SHELL = r"(?:^|[\s/])(?:ba|da|z|k|a)?sh(?:\.exe)?: "

PATTERNS = (
    PatternSpec(
        id="missing_system_lib",
        family=Family.MISSING_SYSTEM_LIB,
        priority=3,
        expressions=(
            r"fatal error: '?(?P<header>[\w./+\-]+\.(?:h|hpp|hh|hxx|inc))'?(?:: No such file or directory| file not found)",
            r"fatal error C1083: Cannot open include file: '(?P<header>[^'\n]+)'",
            r"error while loading shared libraries: (?P<library>[\w.+\-]+)",
            r"(?P<library>[\w.+\-/]+\.so[\w.]*): cannot open shared object file",
            r"(?P<library>[\w.+\-/]+\.so[\w.]*): undefined symbol",
            r"Library not loaded: (?P<library>\S+)",
            r"dlopen\([^\n]{0,200}(?:image not found|no such file|Library not loaded)",
            r"OSError: (?:cannot load library|dlopen:?) '?(?P<library>[\w.+\-]+)",
            r"OSError: (?:no library called|(?:cannot|Could not) (?:find|load)[^\n]{0,40}(?:library|shared object|DLL))",
            r"(?:ld|ld\.lld|lld|collect2)[\w.\-]*(?:\.exe)?: (?:error: )?(?:cannot find|unable to find library|library not found for) -l(?P<library>[\w.+\-]+)",
            r"ld: library '?(?P<library>[\w.+\-]+)'? not found",
            r"LINK : fatal error LNK1(?:104|181): cannot open (?:input )?file '(?P<library>[^'\n]+\.lib)'",
            r"version `(?P<library>GLIBC(?:XX)?_[\d.]+|CXXABI_[\d.]+)' not found",
            r"Error: pg_config executable not found|mysql_config: (?:command )?not found|mysql_config not found|Can not find valid pkg-config name",
            r"Microsoft Visual C\+\+ \d+\.\d+ (?:or greater )?is required",
            r"error: Unable to find vcvarsall\.bat",
            r"error: command '?(?P<compiler>(?:/\S*/)?[\w\-.+]*(?:gcc|cc|g\+\+|c\+\+|clang|cl\.exe))'? failed: (?:No such file or directory|None)",
            r"unable to execute '(?P<compiler>[\w\-.+]+)': No such file or directory",
            r"linker `(?P<compiler>[\w\-.+]+)` not found",
            r"(?:failed to find tool|ToolNotFound)[^\n]{0,40}\"?(?P<compiler>(?:[\w-]+-)?(?:cc|gcc|g\+\+|c\+\+|clang|ar))\"?",
            r"(?:No|no) (?:acceptable C compiler|CMAKE_C(?:XX)?_COMPILER) (?:found|could be found)",
            r"C compiler cannot create executables|configure: error: (?:no|C\+\+|C) (?:acceptable )?(?:C )?compiler",
            r"cgo: C compiler \"(?P<compiler>[\w\-.+]+)\" not found",
            r"Package '?(?P<library>[\w.+\-]+)'?,? (?:required by '[^'\n]*', |was )not found(?: in the pkg-config search path)?",
            r"No package '(?P<library>[\w.+\-]+)' found",
            r"The system library `(?P<library>[\w.+\-]+)` required by crate",
            r"Could not find directory of OpenSSL installation",
            r"Could ?NOT (?:find|FIND) (?P<library>\w+)(?: \((?:missing|Required)| \(missing:)",
            r"Could not find a package configuration file provided by \"(?P<library>\w+)\"",
            r"By not providing \"Find(?P<library>\w+)\.cmake\"",
            r"configure: error: [^\n]{0,120}(?:not found|is required|missing|could not find|cannot find|Please install)",
            r"(?:Dependency|ERROR: Dependency) \"(?P<library>[\w.+\-]+)\" not found",
            r"Run-time dependency (?P<library>[\w.+\-]+) found: NO[^\n]*\n[^\n]*ERROR",
            r"xcrun: error: invalid active developer path",
            r"xcode-select: (?:note: no|error: tool|error: no) ",
            r"DLL load failed(?: while importing \w+)?: ?(?:The specified module|%1 is not)",
            r"pkg-config (?:executable|binary|command)? ?(?:not found|could not be found|is missing)",
            r"You need to install (?:the )?(?P<library>[\w.+\-]+)(?:-dev|-devel)",
            r"(?:ImportError|OSError): [^\n]{0,120}(?:libGL|libgobject|libpango|libcairo|libsndfile|libmagic|portaudio|libxml2|libxslt|libffi|libssl|libcrypto)[^\n]{0,80}(?:not found|cannot|No such|could not)",
            r"ImportError: failed to find libmagic|OSError: sndfile library not found|OSError: PortAudio library not found|OSError: Could not find lib geos_c|Could not find the GDAL library",
            r"Please make sure the libxml2 and libxslt development packages are installed",
            r"error: the headers or library files could not be found",
            r"The headers or library files could not be found for (?P<library>\w+)",
            r"Host system is missing dependencies to run browsers",
            r"UnsatisfiedLinkError: [^\n]{0,200}(?:cannot open shared object|no \w+ in java\.library\.path|Can't load)",
            r"CUDA_HOME environment variable is not set|nvcc (?:was )?not found",
            r"Unable to find (?:a )?libclang|Unable to find libclang",
            r"error: could not find native static library `(?P<library>[\w\-]+)`",
        ),
        advice="Install the system package that has this header, library or compiler.",
        refine=_header,
        must_match=(
            "cart.c:1:10: fatal error: libpq-fe.h: No such file or directory\n",
            "tool: error while loading shared libraries: libcart.so.3: cannot open shared object file\n",
            "/usr/bin/ld: cannot find -lxml2\n",
        ),
        must_not_match=('a.cpp:9:10: fatal error: shop/cart.hpp: No such file or directory\n    9 | #include "shop/cart.hpp"\n', "-- Could NOT find Doxygen\n", "cart.c:9: undefined reference to `price'\n"),
    ),
    PatternSpec(
        id="missing_browser",
        family=Family.MISSING_SYSTEM_BINARY,
        priority=3,
        expressions=(
            r"Executable doesn't exist at (?P<path>[^\n]{1,200})",
            r"Looks like Playwright (?:Test or Playwright )?was just installed or updated",
            r"Could not find (?P<binary>Chrome|Chromium|Firefox|browser)(?: \(ver\.| revision|\b[^\n]{0,40}(?:install|executable|binary))",
            r"'?(?P<binary>chromedriver|geckodriver|msedgedriver)(?:\.exe)?'? executable needs to be (?:in|available)",
            r"(?:cannot|unable to|can't) find (?:Chrome|chrome|firefox|Firefox) binary",
            r"Message: (?:Unable to (?:find|obtain)|Expected browser binary)[^\n]{0,80}(?:binary|driver|geckodriver|chromedriver)",
            r"No binary for (?P<binary>Chrome\w*|Firefox\w*) browser on your platform",
            r"The Cypress (?:binary|App could not be downloaded)|No version of Cypress is installed|Cypress (?:executable|binary) (?:not found|is missing)",
            r"(?:Failed to launch|Could not find) (?:the )?browser(?: process)?!?[^\n]{0,60}(?:spawn|ENOENT|not found)",
            r"Please set env variable \"?CHROME_BIN",
        ),
        advice="Install the browser or its driver (for Playwright: playwright install).",
        refine=lambda hit, context: {key: value for key, value in hit.groups.items() if value},
        must_match=("Error: browserType.launch: Executable doesn't exist at /srv/browsers/chrome\n",),
        must_not_match=("Opening browser at http://localhost:3000\n",),
    ),
    PatternSpec(
        id="missing_system_binary",
        family=Family.MISSING_SYSTEM_BINARY,
        priority=4,
        expressions=(
            r"(?m)(?P<binary>[\w.+\-/]+): command not found(?:$|\s)",
            r"(?m)command not found: (?P<binary>[\w.+\-/]+)",
            rf"(?m){_SHELL}(?:line )?(?:\d+: )?(?:eval: )?(?:line \d+: )?(?P<binary>[\w.+\-/]+): not found",
            r"(?m)^(?:\S+ )?(?:env|/usr/bin/env): (?:‘|['`\"])?(?P<binary>[\w.+\-]+)(?:’|['\"])?: No such file or directory",
            r"(?m)(?:^|\s)[\w./\-]+\.(?:sh|bash|ksh): (?:line )?\d+: (?P<binary>[\w.+\-]+): not found\s*$",
            r"'(?P<binary>[\w.+\-]+)' is not recognized as an internal or external command",
            r"The term '(?P<binary>[\w.+\-\\/]+)' is not recognized as (?:the|a) name of a cmdlet",
            r"exec: \"(?P<binary>[\w.+\-/]+)\": executable file not found in (?:\$PATH|%PATH%)",
            r"(?:Error: )?spawn (?P<binary>[\w.+\-]+) ENOENT",
            r"spawnSync (?P<binary>[\w.+\-]+) ENOENT",
            r"Cannot run program \"(?P<binary>[\w.+\-/]+)\"[^\n]{0,200}(?:error=2|CreateProcess error=2|No such file)",
            r"(?m)(?:make|gmake|ninja)(?:\[\d+\])?: (?P<binary>[\w.+\-]+): (?:No such file or directory|Command not found)",
            r"(?m)(?:xargs|nohup|timeout|sudo|time|nice|stdbuf|exec): (?:failed to run command )?(?:‘|['`])?(?P<binary>[\w.+\-]+)(?:’|')?: (?:No such file or directory|command not found)",
            r"(?m)(?:^|\s|: )(?P<binary>pytest|python3?|pip3?|node|npm|npx|yarn|pnpm|git|make|cmake|gcc|g\+\+|go|cargo|java|mvn|gradle|ruby|bundle|php|composer|docker|tox|poetry|uv): No such file or directory",
            r"could not execute process `(?P<binary>[\w.+\-]+)[^`\n]*`[^\n]*(?:never executed|No such file)",
            r"error: no such (?:command|subcommand): `(?P<binary>[\w\-]+)`",
            r"is `(?P<binary>[\w.+\-]+)` (?:not )?installed\?",
            r"Executable `(?P<binary>[\w.+\-]+)` not found",
            r"InvocationError: could not find executable '?(?P<binary>[\w.+\-]+)",
            r"could not determine executable to run",
            r"(?:Could not|Cannot|Unable to|Failed to|failed to) find (?:the |an? )?(?:executable|command|program|binary)[: ]+[`'\"]?(?P<binary>[\w.+\-]+)",
            r"OSError: \[Errno 2\] No such file or directory: '(?P<binary>git|node|npm|java|ffmpeg|gcc|make|docker|dot)'",
            r"(?:ExecutableNotFound|GraphvizExecutablesNotFound)[^\n]{0,80}",
            r"TesseractNotFoundError|PDFInfoNotInstalledError|FFmpeg(?: binary)? (?:is )?not found|Couldn't find ffmpeg or avconv",
            r"ImportError: Bad git executable|Git executable not found|GitCommandNotFound",
            r"ERROR: Cannot find command '(?P<binary>[\w.+\-]+)'",
            r"(?:Missing|missing) (?:required )?(?:executable|program|binary|command)s?: (?P<binary>[\w.+\-]+)",
            r"(?P<binary>protoc|cmake|ninja|make|bazel|node|yarn|pkg-config|autoreconf|libtool|bison|flex|yasm|nasm|swig) (?:is not installed|not found in PATH|is required but (?:was )?not found|was not found in your PATH|needs to be installed)",
            r"Could not find `protoc`",
            r"CMake must be installed to build|CMakeNotFound|Could not find CMAKE_ROOT|CMake was unable to find a build program corresponding to \"(?P<binary>[\w ]+)\"",
        ),
        advice="Install the program, or put it on PATH.",
        refine=_program,
        plan=_plan_program,
        must_match=(
            "/bin/sh: 1: shellcheck: not found\n",
            "deploy.sh: line 3: jq: command not found\n",
            "'make' is not recognized as an internal or external command,\n",
            "Error: spawn ffmpeg ENOENT\n",
        ),
        must_not_match=(
            "sh: 1: ./build.sh: not found\n",
            "echo 'jq: command not found'\n",
            "GET /cart: not found\n",
        ),
    ),
    PatternSpec(
        id="missing_system_binary_spawned",
        family=Family.MISSING_SYSTEM_BINARY,
        priority=4,
        expressions=(
            r"FileNotFoundError: \[(?:Errno|WinError) 2\] (?:No such file or directory|The system cannot find the file specified): '(?P<binary>[\w.+\-]+)'",
            r"(?m)FileNotFoundError: \[WinError 2\] The system cannot find the file specified\s*$",
        ),
        advice="Install the program, or put it on PATH.",
        refine=_spawned,
        plan=_plan_program,
        must_match=(
            '  File "/usr/lib/python3.11/subprocess.py", line 1955, in _execute_child\n'
            "FileNotFoundError: [Errno 2] No such file or directory: 'pandoc'\n",
        ),
        must_not_match=(
            '  File "/srv/shop/cart.py", line 19, in load\n'
            "FileNotFoundError: [Errno 2] No such file or directory: 'prices'\n",
        ),
    ),
    PatternSpec(
        id="executable_bit_missing",
        family=Family.PERMISSION_ERROR,
        priority=3,
        expressions=(
            rf"(?m){_SHELL}(?:line )?(?:\d+: )?(?P<script>\.?[\w.+\-]*/[\w.+\-/]+): (?:Permission denied|cannot execute: Permission denied)",
            r"permission denied: (?P<script>\./[\w.+\-/]+)",
            r"PermissionError: \[Errno 13\] Permission denied: '(?P<script>\./[\w.+\-/]+)'",
            r"(?m)(?:make|gmake)(?:\[\d+\])?: (?:execvp: )?(?P<script>\./[\w.+\-/]+): Permission denied",
            r"spawn (?P<script>\./[\w.+\-/]+) EACCES",
        ),
        advice="Give the script its executable bit, and commit that.",
        refine=_permission,
        plan=_plan_bit,
        must_match=("/bin/sh: 1: ./build.sh: Permission denied\n", "bash: ./gradlew: Permission denied\n"),
        must_not_match=("git@example.org: Permission denied (publickey).\n",),
    ),
    PatternSpec(
        id="permission_error",
        family=Family.PERMISSION_ERROR,
        priority=5,
        expressions=(
            r"(?:npm ERR!|npm error|error) (?:code )?(?:EACCES|EPERM)\b",
            r"(?m)(?:^|Error: |[\s\[])(?:EACCES|EPERM)[:,] (?:permission denied|operation not permitted)?,? ?[^\n]{0,200}",
            r"(?:PermissionError|OSError|IOError): \[(?:Errno (?:13|1)|WinError 5)\] [^\n:]{1,80}(?:: '(?P<path>[^'\n]{1,300})')?",
            r"(?:PermissionError|OSError|IOError): \[Errno 30\] Read-only file system",
            r"Could not install packages due to an? (?:OSError|EnvironmentError|PermissionError): \[(?:Errno 13|WinError 5)\]",
            r"(?m)[\w./\-]+: (?:cannot|can't|could not|failed to) (?:create|open|remove|touch|access|stat|move|copy|execute|make|write|unlink|rename|chdir)[^\n]{0,200}: Permission denied\s*$",
            r"(?m)(?:^|[\s/])(?:cat|cp|mv|rm|ls|ln|tar|tee|sed|find|install|chmod|chown|mkdir|touch|head|tail|git|ld|cc1?|gcc|g\+\+|as|ar|make|rsync|unzip|cd|source|(?:ba|da|z|k|a)?sh): (?:[^\s:][^\n:]{0,200}: ){1,3}Permission denied\s*$",
            r"Permission denied \(os error 13\)",
            r"(?m)(?:open|mkdir|stat|unlink|remove|rename|fork/exec|chmod|chown|lstat|readdirent) /[^\n:]{1,200}: permission denied",
            r"java\.nio\.file\.AccessDeniedException: (?P<path>[/\\A-Za-z][^\n]{0,200})",
            r"(?:FileNotFoundException|IOException): (?P<path>[^\n(]{1,200}) \(Permission denied\)",
            r"permission denied while trying to connect to the Docker daemon socket",
            r"dial unix [^\n]{1,100}: (?:connect: )?permission denied",
            r"(?:listen|bind)[^\n]{0,60}(?:EACCES|permission denied)",
            r"are you root\?|you cannot perform this operation unless you are root|must be run as root|This command has to be run (?:with|as) (?:superuser|root)",
            r"(?m)Read-only file system(?:$| \(os error)",
            r"EROFS: read-only file system",
            r"Access to the path '(?P<path>[^'\n]{1,300})' is denied",
            r"(?m)Permission denied @ (?:rb_sysopen|dir_s_mkdir|apply2files)",
            r"UnauthorizedAccessException",
            r"Could not open lock file [^\n]{0,100}\(13: Permission denied\)",
            r"Gem::FilePermissionError|You don't have write permissions for the \S+ directory",
            r"failed to open stream: Permission denied",
            r"The folder you are executing pip from can no longer be found|insufficient permission for adding an object to repository",
        ),
        advice="The system refuses access: correct the owner or the mode, or use another place.",
        refine=_permission,
        unless=(r"publickey|Permission denied \((?:password|keyboard|gssapi)",),
        must_match=(
            "npm error code EACCES\n",
            "PermissionError: [Errno 13] Permission denied: '/var/lib/cart'\n",
            "mkdir: cannot create directory '/opt/cart': Permission denied\n",
        ),
        must_not_match=(
            "git@example.org: Permission denied (publickey).\n",
            "PermissionError: user may not see this cart\n",
        ),
    ),
)  # fmt: skip
