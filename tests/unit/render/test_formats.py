"""Numbers in few cells, coarse ages, and nothing that pretends to be known."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_app.render import formats


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (0.31, "0.3 s"),
        (0.97, "1 s"),
        (12.4, "12 s"),
        (59.6, "1 min 0 s"),
        (75, "1 min 15 s"),
        (1300, "21 min"),
        (7300, "2 h 1 min"),
        (200_000, "2 d"),
    ],
)
def test_ages_are_coarse(seconds: float, text: str) -> None:
    assert formats.age(seconds) == text


def test_an_age_on_a_live_screen_is_exact_for_ten_seconds_and_then_changes_with_all_others() -> None:
    assert [formats.ago(1000.0, 1000.0 + s) for s in (0.2, 7.4, 9.4)] == ["0.2 s", "7 s", "9 s"]
    seen = [[formats.ago(t, now / 4) for now in range(4 * 1012, 4 * 1700)] for t in (1001.3, 1000.9)]
    changed = [{i for i, pair in enumerate(pairwise(ages)) if len(set(pair)) > 1} for ages in seen]
    assert len(changed[0] ^ changed[1]) <= 4, "each becomes a minute old in a moment of its own"
    assert len(changed[0]) < 80


@pytest.mark.parametrize("t", [1000.0, 1003.7, 1009.99])
def test_a_live_age_never_goes_back_and_is_at_most_ten_seconds_old(t: float) -> None:
    lasted = 0.0
    for now in (t + quarter / 4 for quarter in range(4 * 700)):
        words = formats.ago(t, now).split()
        told = float(words[0]) * (60 if words[1] == "min" else 1) + (float(words[2]) if words[2:] else 0)
        assert lasted <= told <= now - t + 0.51
        assert now - t - told < (70 if now - t >= 599 else 10.5)
        lasted = told


@pytest.mark.parametrize("since", [0.0, 9.9, 12.0, 59.9, 61.0, 1e5, 8e7])
def test_short_live_ages_fit_four_cells(since: float) -> None:
    assert len(formats.short_ago(1000.0, 1000.0 + since)) <= 4


@given(st.floats(0, 1e7))
def test_a_short_age_fits_four_cells(seconds: float) -> None:
    assert len(formats.short_age(seconds)) <= 4


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_metric_fits_eight_cells_whatever_it_is(value: float) -> None:
    if abs(value) < 1e15 or not math.isfinite(value):
        assert len(formats.metric(value)) <= 8


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "NaN"),
        (-math.inf, "-Inf"),
        (0.71234, "0.712"),
        (1.5, "1.50"),
        (12.34, "12.3"),
        (250.4, "250"),
        (12_345.0, "12k"),
        (0.00052, "5e-4"),
        (0.0, "0"),
    ],
)
def test_a_metric_has_three_significant_digits(value: float | None, text: str) -> None:
    assert formats.metric(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(950, "950"), (1234, "1.2k"), (999_999, "1.0M"), (3.4e6, "3.4M")]
)
def test_a_count_is_compact(value: float, text: str) -> None:
    assert formats.compact(value) == text


def test_sizes_have_decimal_units() -> None:
    assert formats.size(812) == "812 B"
    assert formats.size(1_240_000) == "1.2 MB"


def test_a_delay_shows_how_it_came_to_be() -> None:
    assert formats.backoff_formula(5.0, 1, 5.0, 2.0, 60.0) == "5 s = 5·2⁰"
    assert formats.backoff_formula(40.0, 4, 5.0, 2.0, 60.0) == "40 s = 5·2³"
    assert formats.backoff_formula(60.0, 5, 5.0, 2.0, 60.0) == "60 s, the longest allowed"


def test_a_countdown_reaches_zero_only_when_it_is_over() -> None:
    assert formats.countdown(0.2) == "1 s"
    assert formats.countdown(0.0) == "0 s"
    assert formats.countdown(-5.0) == "0 s"


def test_plurals() -> None:
    assert [formats.plural(n, "retry") for n in (0, 1, 2)] == ["0 retries", "1 retry", "2 retries"]
    assert formats.plural(2, "step") == "2 steps"
