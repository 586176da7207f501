"""The product's settings with a home of its own for each test process."""

import atexit
import os
import shutil
import tempfile

_home = tempfile.mkdtemp(prefix="autopack-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["AUTOPACK_HOME"] = _home
os.environ["AUTOPACK_WORKTREE_BASE"] = f"{_home}/worktrees"

from autopack_site.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
