"""One event with absurd values costs no more than that event: neither the recording nor a screen."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from story import RUN, Story

from remote.vocabulary.events import Event, EventError, decode, encode, number
from tui_app import actions, sentences
from tui_app.journal.reader import JournalReader
from tui_app.journal.records import Arrival, Draft
from tui_app.journal.writer import JournalWriter
from tui_app.render import buckets
from tui_app.render.axes import around, labels, ticks
from tui_app.render.buckets import Series
from tui_app.render.glyphs import SPARKS, sparkline
from tui_app.render.look import Look
from tui_app.render.plot import plot
from tui_app.render.track import Track
from tui_app.state import points
from tui_app.state.fold import fold
from tui_app.state.points import point_in, point_of
from tui_app.state.view import RunView
from tui_app.widgets.eval_page import eval_head
from tui_app.widgets.outlook import delay_text
from tui_app.widgets.records import Evaluation

NOW = 1_795_500_000.0
HUGE_WHOLE = 10**400


def line(**changed: Any) -> bytes:
    about = {"run": RUN, "attempt": 1, "source": "trainer", "seq": 1, "t": "2026-11-24T04:01:22.183Z"}
    about |= {"mono": 1.0, "type": "step.completed", "sev": 9, "v": 1, "data": {}}
    return json.dumps(about | changed).encode()


def step_line(step: object, **metrics: object) -> bytes:
    return line(data={"step": step, "metrics": metrics})


@pytest.mark.parametrize(
    "changed",
    [
        {"seq": 2**53 + 1},
        {"seq": 2**63},
        {"attempt": 2**63},
        {"sev": 2**63},
        {"sev": -(2**63) - 1},
        {"t": "9999-12-31T23:59:59-23:59"},
        {"t": "9999-06-01T00:00:00Z"},
        {"t": "9999-12-31T23:59:59"},
        {"t": "0001-01-01T00:00:00+23:59"},
        {"t": "0001-01-01T00:00:00"},
        {"t": "1969-12-31T23:59:59Z"},
    ],
    ids=str,
)
def test_what_no_journal_can_hold_and_no_clock_show_is_no_event(changed: dict[str, Any]) -> None:
    with pytest.raises(EventError):
        decode(line(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"seq": 2**53, "attempt": 2**53, "sev": 2**53},
        {"t": "9998-12-31T00:00:00Z"},
        {"t": "1970-01-01T00:00:00Z"},
    ],
    ids=str,
)
def test_the_last_that_can_be_held_is_an_event(changed: dict[str, Any], tmp_path: Path) -> None:
    said = line(**changed)
    writer = JournalWriter(tmp_path / "journal.db")
    assert writer.record(RUN, [Arrival(decode(said), said)]) == [decode(said)]


def test_a_number_that_no_float_can_be_is_none() -> None:
    assert number(HUGE_WHOLE) is None
    assert number(-HUGE_WHOLE) is None
    assert number({"x": 10**5000}) is None
    assert number(7) == 7.0
    assert number("-Infinity") == -math.inf


@pytest.mark.parametrize(
    "step", [10**30, 2**53 + 1, HUGE_WHOLE, True, 3.0, 0, -1, "3", None], ids=lambda v: str(v)[:20]
)
def test_a_step_that_a_view_ignores_is_no_point_either(step: object) -> None:
    said = step_line(step, loss=0.5)
    event = decode(said)
    assert fold(RunView(run=RUN), event).step == 0
    assert point_of(event) is None
    assert point_in(said) is None


def test_a_metric_that_is_no_float_is_left_out_of_its_point() -> None:
    said = step_line(3, loss=HUGE_WHOLE, entropy=2.0)
    for point in (point_of(decode(said)), point_in(said)):
        assert point is not None
        assert (point.step, point.metrics) == (3, {"entropy": 2.0})


def test_a_line_that_is_no_event_any_more_has_no_point() -> None:
    assert point_in(line(t="9999-12-31T23:59:59-23:59", data={"step": "3"})) is None


def test_a_run_with_such_steps_is_recorded_to_its_end(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "journal.db")
    for seq, (step, loss) in enumerate([(1, 0.5), (10**30, 0.5), (2, HUGE_WHOLE), (2**53, 1e308)], 1):
        said = line(seq=seq, data={"step": step, "metrics": {"loss": loss}})
        writer.record(RUN, [Arrival(decode(said), said)])
    end = line(seq=5, type="run.ended", data={"state": "STOPPED", "step": 2, "committed_step": 0})
    writer.record(RUN, [Arrival(decode(end), end)])
    assert writer.view(RUN).state == "STOPPED"
    _, track = JournalReader(tmp_path / "journal.db").curves(RUN)
    assert (track.last_step, track.series["loss"].extremes) == (2**53, (0.5, 0.5))


@pytest.mark.parametrize("t", [math.nan, math.inf, -math.inf, 1e300, -1.0, 253_402_387_139.0])
def test_a_draft_that_happened_at_no_time_happens_now(tmp_path: Path, t: float) -> None:
    writer = JournalWriter(tmp_path / "journal.db", clock=lambda: NOW)
    [event] = writer.say(RUN, Draft(type="run.ended", t=t, data={"state": "STOPPED"}))
    assert event.t == NOW
    [earlier] = writer.say(RUN, Draft(type="intent.sent", t=NOW - 5))
    assert earlier.t == NOW - 5


def test_a_journal_that_holds_such_a_line_is_folded_without_it(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "journal.db")
    good, bad = step_line(3, loss=0.5), line(seq=2, t="9999-12-31T23:59:59-23:59")
    writer.record(RUN, [Arrival(decode(good), good)])
    with writer._lock:
        writer._connection.execute(
            "INSERT INTO events (run, attempt, source, seq, t, arrived, type, sev, line) "
            "VALUES (?, 1, 'trainer', 2, 1.0, 1.0, 'step.completed', 9, ?)",
            (RUN, bad),
        )
        writer._connection.execute("UPDATE views SET view = ?", (b"[]",))
    writer.close()
    assert JournalWriter(tmp_path / "journal.db").view(RUN).step == 3


def test_the_bound_of_what_is_drawn_is_that_of_what_is_reckoned_with() -> None:
    assert buckets.LARGEST == points.LARGEST


@pytest.mark.parametrize("value", [1.7e308, -1.7e308, 1.1e300, math.inf, math.nan])
def test_a_value_too_large_to_draw_leaves_a_mark(value: float) -> None:
    one_by_one, at_once = Series(), Series()
    steps, values = [1, 2, 3, 2], [0.5, value, 0.7, value]
    for step, each in zip(steps, values, strict=True):
        one_by_one.add(step, each)
    at_once.extend(steps, values)
    for series in (one_by_one, at_once):
        assert series.broken == {1}
        assert series.extremes == (0.5, 0.7)
        assert math.isnan(value) or series.last == value


@pytest.mark.parametrize(("low", "high"), [(1e308, 1e308), (-1e308, 1e308), (-1.7e308, 0.0), (0.0, 1e300)])
def test_a_range_ends_where_arithmetic_does(low: float, high: float) -> None:
    bounds = around(low, high)
    assert math.isfinite(bounds.reach)
    found = ticks(bounds.low, bounds.high, 4)
    assert found
    assert all(len(text) <= 8 for text in labels(found))


@pytest.mark.parametrize("values", [[1e290], [1e300, 1e300], [1e-320, 1e300], [0.5, 1e299]])
@pytest.mark.parametrize("look", [Look(), Look(log=True), Look(log=True, smooth=True), Look(smooth=True)])
def test_the_largest_values_are_drawn_in_any_way(values: list[float], look: Look) -> None:
    track = Track()
    for step, value in enumerate(values, 1):
        track.add(step, 1, {"loss": value})
    series = track.series["loss"]
    extremes = series.positive() if look.log else series.extremes
    assert extremes is not None
    bounds = around(*(math.log10(value) for value in extremes)) if look.log else around(*extremes)
    lines = plot(series, track.marks, columns=60, rows=9, bounds=bounds, look=look)
    assert {sum(len(text) for text, _ in each) for each in lines} == {60}


@pytest.mark.parametrize("name", ["reward/mean", "step_seconds"])
def test_what_cannot_be_reckoned_with_is_in_no_tail(name: str) -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    for step, value in enumerate([0.5, 1e308, -1e308, math.nan, 0.7], 1):
        story.say("step.completed", 1, step=step, metrics={name: value})
    view = RunView(run=RUN)
    for event in story.events:
        view = fold(view, event)
    tail = view.reward_tail if name == "reward/mean" else view.step_seconds
    assert tail == (0.5, 0.7)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_has_the_lowest_level(value: float) -> None:
    assert sparkline([0.0, value, 1.0], 0.0, 1.0) == SPARKS[0] + SPARKS[0] + SPARKS[-1]
    sparkline([1e308, -1e308, value], -1e308, 1e308)
    entries = [
        Evaluation(t=NOW, attempt=1, step=step, metrics={"reward/mean": each})
        for step, each in enumerate((value, 1.0, value), 1)
    ]
    [trend, _] = eval_head(entries, 80, ascii_art=False)
    assert trend[1][0] == SPARKS[0] + SPARKS[-1] + SPARKS[0]
    assert eval_head(entries[:1], 80, ascii_art=False)[0][1][0] == SPARKS[0]


@pytest.mark.parametrize("retry", [0, 11, 1025, 5000, 2**53])
def test_a_retry_that_the_policy_does_not_know_has_its_plain_delay(retry: int) -> None:
    assert delay_text(RunView(run=RUN), retry, 5.0) == "5 s"
    assert sentences._formula(retry, 5.0) == ""
    data = {"cause": "exception", "step": 3, "will_retry": True, "retry": retry, "of": 3, "delay": 5.0}
    event = Event(
        run=RUN, attempt=1, source="trainer", seq=1, t=NOW, mono=0.0, type="attempt.ended", data=data
    )
    assert sentences.sentence(decode(encode(event)), RunView(run=RUN)) is not None


def test_a_retry_that_the_policy_knows_has_its_formula() -> None:
    assert delay_text(RunView(run=RUN), 1, 5.0) == "5 s = 5·2⁰"
    assert sentences._formula(1, 5.0) == " (5 = 5·2⁰)"


@pytest.mark.parametrize(
    ("grace", "said"), [("30s", 30), (None, 30), (True, 30), (HUGE_WHOLE, 30), ([], 30), (45, 45), (2.5, 2.5)]
)
def test_a_grace_that_is_no_number_is_the_usual_one(grace: object, said: float) -> None:
    view = RunView(run=RUN, config={"grace_seconds": grace})
    assert f"after {said:g} s of grace" in actions.ACTIONS["preempt"].cost(view)[0]
