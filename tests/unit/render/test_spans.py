"""Lines are exactly as wide as the terminal wants, groups are never torn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui_app.render.glyphs import ascii_only, sparkline, to_ascii
from tui_app.render.spans import Line, crop, cut_middle, fit, flow, rule, spread, width, wrap

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Mn", "Me", "Cf"]), max_size=30)
LINES = st.lists(st.tuples(TEXTS, st.sampled_from(["text", "good"])), max_size=6)


@given(LINES, st.integers(1, 120))
def test_a_fitted_line_has_exactly_its_width(line: Line, cells: int) -> None:
    assert width(fit(line, cells)) == cells
    assert width(crop(line, cells)) <= cells


@given(LINES, LINES, st.integers(4, 120))
def test_a_heading_and_a_spread_line_never_overflow(left: Line, right: Line, cells: int) -> None:
    assert width(fit(rule(left, right, cells), cells)) == cells
    assert width(spread(left, right, cells)) == cells


@given(st.lists(st.text("abc ", min_size=1, max_size=12), min_size=1, max_size=8), st.integers(12, 60))
def test_groups_keep_their_order_and_are_never_torn(texts: list[str], cells: int) -> None:
    lines = flow([[(text, "text")] for text in texts], cells, separator=("|", "rule"))
    assert all(width(line) <= cells for line in lines)
    assert [part for line in lines for part, role in line if role == "text"] == texts


def test_a_group_wider_than_the_line_is_cut_with_an_ellipsis() -> None:
    assert flow([[("abcdefgh", "text")]], 5) == [[("abcd…", "text")]]


def test_a_numbered_name_keeps_its_number() -> None:
    assert cut_middle("sort-digits-17", 10) == "sort-d…-17"
    assert cut_middle("short", 10) == "short"


@given(st.text(max_size=200), st.integers(1, 40))
def test_wrapped_words_fit(text: str, cells: int) -> None:
    assert all(width([(line, "text")]) <= cells for line in wrap(text, cells))


@given(st.text())
def test_ascii_is_ascii(text: str) -> None:
    assert to_ascii(text).isascii()


def test_a_product_stays_a_product_in_ascii() -> None:
    assert to_ascii("step 40 · 5·2¹") == "step 40 - 5*2^1"


def test_ascii_is_chosen_where_braille_cannot_be_expected() -> None:
    assert ascii_only({"TERM": "linux"}, "utf-8")
    assert ascii_only({"TERM": "xterm-256color"}, "ANSI_X3.4-1968")
    assert ascii_only({"TERM": "xterm-256color", "MIDDLEWATCH_ASCII": "1"}, "utf-8")
    assert not ascii_only({"TERM": "xterm-256color"}, "utf-8")
    assert not ascii_only({"TERM": "tmux-256color", "MIDDLEWATCH_ASCII": "0"}, "UTF-8")


@given(st.lists(st.one_of(st.none(), st.floats(-10, 10)), max_size=40))
def test_a_sparkline_has_a_cell_for_each_value(values: list[float | None]) -> None:
    for ascii_art in (False, True):
        line = sparkline(values, -10, 10, ascii_art=ascii_art)
        assert len(line) == len(values)
        assert all((char == " ") == (value is None) for char, value in zip(line, values, strict=True))
