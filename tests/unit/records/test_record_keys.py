"""Keys read in order, and a run's name is one that can be typed and pasted."""

import pytest

from remote.records import keys


@pytest.mark.parametrize("name", ["r7", "sort-digits-2", "0", "a" * 48])
def test_an_allowed_name_is_given_back(name: str) -> None:
    assert keys.check_run_name(name) == name


@pytest.mark.parametrize("name", ["", "-r", "R7", "a_b", "a/b", "a" * 49, "r7\n", "ré", " r"])
def test_any_other_name_is_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(ValueError, match="allowed are 1 to 48 of a-z, 0-9 and -"):
        keys.check_run_name(name)


def test_keys_sort_as_their_numbers_do() -> None:
    assert keys.events(2, 9) < keys.events(2, 10) < keys.events(10, 1)
    assert keys.log(99) < keys.log(100)


def test_only_a_registry_key_names_a_run() -> None:
    assert keys.registered_run(keys.registered("r7")) == "r7"
    assert keys.registered_run("r7") is None
    assert keys.registered_run("runs/../x") is None
