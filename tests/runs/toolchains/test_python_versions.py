"""Which Python versions a declaration accepts."""

import pytest

from runs.toolchains.python_versions import poetry_to_pep440, version_fits


@pytest.mark.parametrize(
    ("wanted", "version", "fits"),
    [
        ("", (3, 11, 7), True),
        (">=3.9", (3, 11, 7), True),
        (">=3.9,<3.11", (3, 11, 7), False),
        (">=3.9, <4", (3, 11, 7), True),
        ("==3.11.*", (3, 11, 7), True),
        ("!=3.11.*,>=3.8", (3, 11, 7), False),
        ("~=3.10", (3, 11, 7), True),
        ("~=3.10.2", (3, 11, 7), False),
        (">3.11", (3, 11, 7), True),
        ("<=3.11", (3, 11, 7), False),
        ("^3.11", (3, 12, 0), True),
        ("^3.11", (4, 0, 0), False),
        ("~3.11", (3, 12, 0), False),
        ("3.11", (3, 11, 7), True),
        ("3.9 || 3.11", (3, 11, 7), True),
        ("3.9 || 3.10", (3, 11, 7), False),
        ("nonsense", (3, 11, 7), True),
    ],
)
def test_a_version_fits(wanted: str, version: tuple[int, ...], fits: bool) -> None:  # noqa: FBT001 -- a column of the table
    assert version_fits(version, wanted) is fits


@pytest.mark.parametrize(
    ("poetry", "pep440"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("1.2.*", "==1.2.*"),
        (">=1,<2", ">=1,<2"),
        ("*", ""),
        ("1.5", "==1.5"),
    ],
)
def test_poetry_constraints_become_standard_ones(poetry: str, pep440: str) -> None:
    assert poetry_to_pep440(poetry) == pep440
