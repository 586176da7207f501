"""What commands do when nothing else is said. Light: `--help` reads it."""

EXECUTORS = ("api", "cli", "mock")
DEFAULT_EXECUTOR = "api"
DEFAULT_CONCURRENT = 3
DEFAULT_TIMEOUT_SECONDS = 3600.0
# Phases of one run at the same time.
DEFAULT_PARALLEL = 2
EXIT_INTERRUPTED = 130  # what shells report for SIGINT
