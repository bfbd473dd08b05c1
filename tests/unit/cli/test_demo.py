"""Names, stages and what is told of them; the demo as a whole is an end-to-end test."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from story import Story, live_story

from tui_app.demo import deploying, live_run, next_name, stage
from tui_app.state.view import RunView


@given(st.sets(st.integers(1, 30)))
def test_the_next_name_is_the_first_free_one(numbers: set[int]) -> None:
    taken = {"sort-digits" if number == 1 else f"sort-digits-{number}" for number in numbers}
    name = next_name(taken, "sort-digits")
    assert name not in taken
    first = min(set(range(1, 32)) - numbers)
    assert name == ("sort-digits" if first == 1 else f"sort-digits-{first}")


def named(view: RunView, run: str) -> RunView:
    from msgspec.structs import replace

    return replace(view, run=run)


def test_a_live_run_of_the_demo_is_gone_on_with() -> None:
    live, ended = live_story(), live_story()
    ended.end(1, "SUCCEEDED", 250)
    runs = [named(ended.view, "sort-digits"), named(live.view, "sort-digits-2"), named(live.view, "other")]
    assert live_run(runs) == "sort-digits-2"
    assert live_run(runs[:1]) is None
    assert live_run([named(Story().view, "sort-digits-x")]) is None


def test_a_stage_is_one_line_with_its_duration() -> None:
    out = io.StringIO()
    with stage(out, "starting the local cloud"):
        assert out.getvalue() == "starting the local cloud ... "
    assert out.getvalue().startswith("starting the local cloud ... 0.")
    assert out.getvalue().endswith(" s\n")


def test_a_stage_that_is_not_needed_is_not_told() -> None:
    out = io.StringIO()
    with deploying(out):
        pass
    assert out.getvalue() == ""


def test_a_stage_that_fails_ends_its_line() -> None:
    out = io.StringIO()
    with pytest.raises(ValueError, match="no"), stage(out, "trying"):
        raise ValueError("no")
    assert out.getvalue() == "trying ... failed\n"
