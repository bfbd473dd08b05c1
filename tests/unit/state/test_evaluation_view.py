"""The evaluation that was last asked for, whatever the order in which it is heard of."""

import msgspec
from story import RUN, Story, live_story, told

from remote.vocabulary.events import Event
from tui_app.chronicle import line_of
from tui_app.state.evaluation import EvaluationView
from tui_app.state.fold import fold


def evaluated() -> Story:
    story = live_story()
    story.watcher(
        "evaluation.started", id="a", step=10, name="c10", prompts=64, slices=4, gpu="H100", by="ann"
    )
    story.watcher("evaluation.progressed", id="a", done=1, failed=0, scored=16, seconds=1.0)
    story.watcher("evaluation.slice_failed", id="a", slice=3, first=33, last=48, error="lost")
    story.watcher("evaluation.progressed", id="a", done=3, failed=1, scored=48, seconds=2.0)
    found = {"reward/mean": 0.5, "prompts": 48}
    story.watcher(
        "evaluation.ended",
        id="a",
        step=10,
        outcome="partial",
        done=3,
        failed=1,
        scored=48,
        seconds=3.0,
        slices=4,
        metrics=found,
    )
    return story


def evaluation(events: list[Event]) -> EvaluationView:
    found = told(events).evaluation
    assert found is not None
    return found


def test_it_is_under_way_until_it_has_ended() -> None:
    events = evaluated().events
    running = evaluation(events[:-1])
    assert (running.running, running.done, running.failed, running.scored) == (True, 3, 1, 48)
    ended = evaluation(events)
    assert (ended.running, ended.outcome, ended.seconds) == (False, "partial", 3.0)
    assert ended.metrics == {"reward/mean": 0.5, "prompts": 48}


def test_a_late_word_about_it_or_about_an_older_one_changes_nothing() -> None:
    story = evaluated()
    before = evaluation(story.events)
    story.watcher("evaluation.progressed", id="a", done=2, failed=0, scored=32, seconds=1.5)
    story.watcher("evaluation.ended", id="b", step=5, outcome="done", done=1, failed=0)
    assert evaluation(story.events) == before
    about = {"id": "c", "step": 5, "prompts": 1, "slices": 1}
    late = msgspec.structs.replace(story.events[-1], type="evaluation.started", seq=999, t=1.0, data=about)
    assert evaluation([*story.events, late]) == before


def test_what_it_says_changes_nothing_about_the_run_itself() -> None:
    story = evaluated()
    plain = told(live_story().events)
    after = told(story.events)
    same = ("state", "step", "committed_step", "attempts", "metrics", "retries_used", "phase")
    assert [getattr(after, name) for name in same] == [getattr(plain, name) for name in same]


def test_in_the_event_log_it_stands_where_the_run_was_and_not_at_the_checkpoints_step() -> None:
    story = evaluated()
    lines = [line_of(event, story.view, 80) for event in story.events if event.source.startswith("watcher")]
    assert {line.step for line in lines if line is not None and "evaluation" in line.text} == {80}


def test_what_makes_no_sense_is_ignored() -> None:
    view = told(live_story().events)
    for data in ({}, {"id": 7, "step": 1}, {"id": "a"}, {"id": "a", "step": -1}):
        event = Event(
            run=RUN,
            attempt=0,
            source="watcher:w9",
            seq=1,
            t=5.0,
            mono=0.0,
            type="evaluation.started",
            data=data,
        )
        assert fold(view, event).evaluation is None
