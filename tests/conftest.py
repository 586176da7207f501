"""Fixtures shared by all tests: real git repositories in tmp_path, a private AUTOPACK_HOME."""
