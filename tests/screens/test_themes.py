"""A theme for every terminal and every eye: each knows all roles, and none tells by red and green alone."""

from __future__ import annotations

import pytest

from tui_app.app import Middlewatch
from tui_app.locations import Locations
from tui_app.theme import THEMES, chosen
from tui_app.widgets.palette import BACKGROUNDS, COLOURS, style


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "middlewatch"),
        ({"TERM": "xterm-256color"}, "middlewatch"),
        ({"TERM": "linux"}, "middlewatch-16"),
        ({"TERM": "xterm-256color", "TEXTUAL_COLOR_SYSTEM": "standard"}, "middlewatch-16"),
        ({"TERM": "xterm-256color", "MIDDLEWATCH_THEME": "safe"}, "middlewatch-safe"),
        ({"TERM": "linux", "MIDDLEWATCH_THEME": "dark"}, "middlewatch"),
        ({"TERM": "linux", "MIDDLEWATCH_THEME": "plaid"}, "middlewatch-16"),
    ],
)
def test_the_theme_is_what_was_asked_for_or_what_the_terminal_can_show(
    environment: dict[str, str], name: str
) -> None:
    assert chosen(environment).name == name


@pytest.mark.parametrize("name", THEMES)
def test_every_role_has_a_colour_in_every_theme(
    name: str, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIDDLEWATCH_THEME", name)
    variables = Middlewatch(locations).theme_variables
    for role, variable in COLOURS.items():
        assert not variable or style(role, variables).color is not None, role
    for role in BACKGROUNDS:
        assert style(role, variables).bgcolor is not None, role


def test_good_warn_and_bad_differ_without_red_and_green() -> None:
    theme = THEMES["safe"]()
    blues = [int(str(colour)[5:7], 16) for colour in (theme.success, theme.warning, theme.error)]
    assert blues[0] - max(blues[1:]) > 100


def test_sixteen_colours_are_the_terminals_own(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIDDLEWATCH_THEME", "16")
    variables = Middlewatch(locations).theme_variables
    for role in COLOURS:
        colour = style(role, variables).color
        assert colour is None or colour.number is not None, role
