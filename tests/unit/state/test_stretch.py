"""A stretch of steps folded at once says what the same steps say one by one, or gives up."""

import math
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from story import RUN, demo_story, told

from remote.vocabulary.events import Event
from tui_app.state.alert_book import Alert, AlertBook
from tui_app.state.alert_rules import rules_for
from tui_app.state.alert_terms import AlertSeverity
from tui_app.state.alerts import update
from tui_app.state.fold import fold
from tui_app.state.points import STEP
from tui_app.state.stretch import calm_stretch, fold_stretch
from tui_app.state.view import RunView

NOW = 5_000.0


def one_by_one(view: RunView, book: AlertBook, events: list[Event]) -> tuple[RunView, AlertBook]:
    for event in events:
        view = fold(view, event)
        book = update(book, view, event, NOW, NOW)
    return view, book


def values(book: AlertBook) -> dict[str, object]:
    """NaN by its name: it equals nothing."""
    return {name: repr(value) for name, value in msgspec.structs.asdict(book).items()}


def left_alone(view: RunView) -> RunView:
    """The run with no commit due for long, and no drill ahead."""
    return msgspec.structs.replace(view, config=view.config | {"checkpoint_interval": 1000}, drills=())


def steps_of(chance: random.Random, count: int, level: float, reward: float) -> list[dict[str, float]]:
    """Metrics that wander, and now and then do what an alert is about."""
    found = []
    for n in range(count):
        wild = chance.random() < level
        found.append(
            {
                "loss": chance.gauss(0, 1),
                "reward/mean": min(1.0, reward + n / 40) * (0.2 if wild else 1.0) + chance.random() / 50,
                "mismatch_kl": 0.02 * chance.random() + (3.0 if wild and chance.random() < 0.3 else 0.0),
                "grad_norm": chance.random() + (40.0 if wild and chance.random() < 0.3 else 0.0),
                "entropy": (0.001 if wild else 2.0) * (0.5 + chance.random()),
                "tokens_per_second": 900.0,
            }
            | ({"step_seconds": chance.random()} if chance.random() < 0.3 or n < count / 2 else {})
        )
    return found


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.02, 0.3]), st.integers(0, 9))
def test_a_stretch_is_what_its_steps_are_one_by_one(seed: int, level: float, oddities: int) -> None:
    chance = random.Random(seed)
    story = [event for event in demo_story().events if event.type != "run.ended"]
    told_events = story[: chance.randrange(1, len(story))]
    view, book = one_by_one(RunView(run=RUN), AlertBook(), told_events)
    last = next((event for event in reversed(told_events) if event.source == "trainer"), told_events[-1])
    seq = view.seen.get(f"{last.attempt}/{last.source}", 0)
    if chance.random() < 0.7:
        view = left_alone(view)
    reward = view.reward_tail[-1] if view.reward_tail else 0.0
    begin = view.step + chance.choice([1, 1, 1, 3, 0])
    events = [
        msgspec.structs.replace(
            last,
            type=STEP,
            seq=seq + 1 + n,
            t=last.t + n,
            data={"step": begin + n, "of": 900, "metrics": metrics},
        )
        for n, metrics in enumerate(steps_of(chance, chance.randrange(1, 90), level, reward))
    ]
    for _ in range(oddities):
        at = chance.randrange(len(events))
        events[at] = spoilt(chance, events[at])
    at_once = fold_stretch(view, events)
    slow_view, slow_book = one_by_one(view, book, events)
    if at_once is None:
        return
    assert repr(at_once) == repr(slow_view)
    calm = calm_stretch(book, view, at_once, events, NOW)
    if calm is not None:
        assert values(calm) == values(slow_book)


def spoilt(chance: random.Random, event: Event) -> Event:
    change = chance.choice(["seq", "t", "attempt", "type", "step", "of", "metrics", "value", "run"])
    if change in ("step", "of", "metrics"):
        return msgspec.structs.replace(
            event, data=event.data | {change: chance.choice([None, True, -1, 3, {}])}
        )
    if change == "value":
        judged = ["loss", "reward/mean", "entropy", "grad_norm", "mismatch_kl"]
        name = chance.choice([*judged, "step_seconds", "tokens_per_second"])
        metrics = event.data["metrics"] if isinstance(event.data["metrics"], dict) else {}
        odd = metrics | {name: chance.choice([math.nan, math.inf, "NaN", None, 7, 1e308, -1e308, 1e17])}
        return msgspec.structs.replace(event, data=event.data | {"metrics": odd})
    odd = {"seq": event.seq + 1, "t": math.nan, "attempt": event.attempt + 1, "type": "x.y", "run": "other"}
    return msgspec.structs.replace(event, **{change: odd[change]})


def undisturbed(count: int) -> tuple[RunView, list[Event]]:
    """The demo up to its first steps, and the steps that follow if nothing comes between."""
    events = demo_story().events
    begun = events[: next(n for n, event in enumerate(events) if event.type == STEP) + 3]
    view, last = left_alone(told(begun)), begun[-1]
    seq, chance = view.seen[f"{last.attempt}/{last.source}"], random.Random(7)
    return view, [
        msgspec.structs.replace(
            last, type=STEP, seq=seq + n, t=last.t + n, data={"step": view.step + n, "metrics": metrics}
        )
        for n, metrics in enumerate(steps_of(chance, count, 0.0, 0.0), 1)
    ]


def test_an_undisturbed_run_is_one_stretch() -> None:
    """Not so easily given up that nothing is won."""
    view, events = undisturbed(300)
    after = fold_stretch(view, events)
    assert after is not None
    assert calm_stretch(AlertBook(), view, after, events, NOW) is not None


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("loss", math.nan),
        ("mismatch_kl", 5.0),
        ("grad_norm", 50.0),
        ("entropy", 0.001),
        ("reward/mean", -9.0),
    ],
)
def test_where_a_metric_goes_wrong_each_step_is_looked_at(metric: str, value: float) -> None:
    view, events = undisturbed(60)
    flat = {"reward/mean": 0.1} if metric == "entropy" else {}

    def said(event: Event, **changed: float) -> Event:
        return msgspec.structs.replace(event, data=event.data | {"metrics": event.data["metrics"] | changed})

    right = [said(event, **flat) for event in events]
    wrong = [*right[:-5], *(said(event, **{metric: value}) for event in right[-5:])]
    for told_events, is_calm in ((right, True), (wrong, False)):
        after = fold_stretch(view, told_events)
        assert after is not None
        assert (calm_stretch(AlertBook(), view, after, told_events, NOW) is not None) is is_calm
    assert one_by_one(view, AlertBook(), wrong)[1].alerts
    assert not one_by_one(view, AlertBook(), right)[1].alerts


@pytest.mark.parametrize("metric", ["reward/mean", "step_seconds", "grad_norm"])
@pytest.mark.parametrize("value", [1e308, -1e308])
def test_what_cannot_be_reckoned_with_is_in_no_tail_either_way(metric: str, value: float) -> None:
    view, events = undisturbed(12)
    at = events[5]
    metrics = at.data["metrics"] | {metric: value}
    events[5] = msgspec.structs.replace(at, data=at.data | {"metrics": metrics})
    after, book = fold_stretch(view, events), AlertBook()
    slow_view, slow_book = one_by_one(view, book, events)
    assert after is not None
    assert repr(after) == repr(slow_view)
    calm = calm_stretch(book, view, after, events, NOW)
    assert (calm is not None) is (metric == "step_seconds")
    assert calm is None or values(calm) == values(slow_book)
    assert value not in (*after.reward_tail, *after.step_seconds)


def test_where_an_alert_stands_each_step_is_looked_at() -> None:
    view, events = undisturbed(20)
    after = fold_stretch(view, events)
    assert after is not None
    alert = Alert(
        rule="gpu_mismatch", severity=AlertSeverity.WARNING, run=RUN, text="", evidence="", key="x", since=0.0
    )
    assert calm_stretch(AlertBook(alerts={alert.rule: alert}), view, after, events, NOW) is None


def test_every_rule_that_looks_at_steps_is_thought_of() -> None:
    """A new rule for steps must be given its place in `calm_stretch`."""
    step = next(event for event in demo_story().events if event.type == STEP)
    assert {rule.id for rule in rules_for(step)} == {
        "not_finite", "step_stall", "commit_lag", "reward_collapse", "kl_blow_up", "entropy_collapse",
        "grad_norm_spike",
    }  # fmt: skip
