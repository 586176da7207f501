"""A flag is read as people write it; anything else stops the start and names its variable."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from autopack_site.flags import parse_flag


@pytest.mark.parametrize("text", ["true", "1", "yes", "on", "TRUE", "Yes", " on "])
def test_words_for_yes(text: str) -> None:
    assert parse_flag("SOME_FLAG", text) is True


@pytest.mark.parametrize("text", ["false", "0", "no", "off", "FALSE", "No", " off\n"])
def test_words_for_no(text: str) -> None:
    assert parse_flag("SOME_FLAG", text) is False


@pytest.mark.parametrize("text", ["", " ", "maybe", "truee", "2", "-1", "t", "y", "enabled", "нет"])
def test_any_other_word_is_refused_by_the_name_of_its_variable(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"SOME_FLAG is .* Write true"):
        parse_flag("SOME_FLAG", text)
