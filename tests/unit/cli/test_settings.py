"""Where a setting comes from, and what is refused."""

from pathlib import Path

import pytest

from tui_app.config import SettingError, load, load_prices, modal_token_origin


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


def test_prices_are_those_of_the_file_and_nothing_has_one_by_default(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    assert load_prices(path).of("H100") is None
    path.write_text('target = "modal"\n[prices]\ncurrency = "EUR"\nH100 = 3.5\n"A100-80GB" = 2\n')
    prices = load_prices(path)
    assert (prices.of("h100"), prices.of("A100-80GB"), prices.of("B200")) == (3.5, 2.0, None)
    assert prices.currency == "EUR"
    assert load({}, {}, path)["target"].value == "modal"


@pytest.mark.parametrize("text", ["[prices]\nH100 = -1", '[prices]\nH100 = "cheap"', "prices = 3"])
def test_a_price_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(SettingError, match="allowed"):
        load_prices(path)
