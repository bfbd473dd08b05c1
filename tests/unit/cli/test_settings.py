"""Where a setting comes from, and what is refused."""

from pathlib import Path

import pytest

from tui_app.config import SettingError, load, modal_token_origin


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    assert load({}, {}, path)["target"].origin == "default"
    path.write_text('target = "modal"\nread_only = true\n')
    setting = load({}, {}, path)
    assert (setting["target"].value, setting["target"].origin) == ("modal", str(path))
    assert setting["read_only"].value == "yes"
    assert load({}, {"MIDDLEWATCH_TARGET": "local"}, path)["target"].origin == "MIDDLEWATCH_TARGET"
    assert load({"target": "modal"}, {"MIDDLEWATCH_TARGET": "local"}, path)["target"].origin == "--target"


@pytest.mark.parametrize(
    ("text", "named"),
    [('target = "mars"', "'mars'"), ("target = ", "cannot read"), ('tarket = "local"', "'tarket'")],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(SettingError, match=named) as caught:
        load({}, {}, path)
    assert str(path) in str(caught.value)


def test_the_token_is_looked_for_and_never_read(home: Path) -> None:
    assert modal_token_origin({}) is None
    variables = {"MODAL_TOKEN_ID": "ak-x", "MODAL_TOKEN_SECRET": "as-y"}
    assert "as-y" not in str(modal_token_origin(variables))
    (home / ".modal.toml").write_text("")
    assert modal_token_origin({}) == str(home / ".modal.toml")


@pytest.mark.parametrize(("value", "meant"), [("0", "no"), ("1", "yes"), ("auto", "auto")])
def test_a_variables_zero_and_one_are_no_and_yes(tmp_path: Path, value: str, meant: str) -> None:
    settings = load({}, {"MIDDLEWATCH_ASCII": value}, tmp_path / "none.toml")
    assert settings["ascii"].value == meant
