"""What every event is called, word for word where an operator or a script reads it."""

import pytest
from story import RUN, demo_story

from remote.vocabulary.events import Event
from remote.vocabulary.run_states import RunState
from tui_app.plain import counts, plain_sentence, summary, waiting
from tui_app.sentences import _SENTENCES, Line, sentence
from tui_app.state.view import Backoff, RunView

VIEW = RunView(run=RUN, of=250, max_retries=3)


def said(type: str, /, **data: object) -> Line | None:
    event = Event(run=RUN, attempt=1, source="trainer", seq=1, t=0.0, mono=0.0, type=type, data=data)
    return sentence(event, VIEW)


METRICS = {
    "reward/mean": 0.4123,
    "loss": -0.0312,
    "mismatch_kl": 0.01953,
    "entropy": 0.7649,
    "tokens_per_second": 2310.4,
    "step_seconds": 0.2311,
}


def test_a_step() -> None:
    line = said("step.completed", step=41, of=250, metrics=METRICS)
    words = "step  41/250  reward 0.412  loss -0.031  kl 0.0195  entropy 0.76  2,310 tok/s  0.23 s"
    assert line == Line("", words)


def test_a_diverged_step_says_so() -> None:
    line = said("step.completed", step=1, of=9, metrics={"loss": "NaN", "reward/mean": "Infinity"})
    assert line == Line("", "step 1/9  reward +Inf  loss NaN")


def test_a_commit_and_its_failure() -> None:
    done = {"step": 30, "name": "x", "position": 4, "bytes": 1_312_345, "seconds": 0.041}
    line = said("volume.committed", **done, tries=1)
    assert line == Line("ok", "committed step 30 (position 4, 1.3 MB, 0.04 s)")
    again = said("volume.committed", **done, tries=2)
    assert again == Line("ok", "committed step 30 (position 4, 1.3 MB, 0.04 s, at try 2)")
    failed = {"step": 100, "name": "x", "error": "refused", "try": 1, "retry_in": 1.0}
    assert said("volume.commit_failed", **failed) == Line(
        "!!", "commit of step 100 failed (try 1): refused — again in 1 s"
    )


@pytest.mark.parametrize(
    ("retry", "delay", "formula"), [(1, 5.0, "(5 = 5·2⁰)"), (3, 20.0, "(20 = 5·2²)"), (2, 7.0, "")]
)
def test_a_retry_and_the_arithmetic_of_its_delay(retry: int, delay: float, formula: str) -> None:
    line = said(
        "attempt.ended",
        cause="exception",
        step=34,
        committed_step=30,
        evidence="DrillError: step 34 failed on purpose",
        will_retry=True,
        retry=retry,
        of=3,
        delay=delay,
    )
    tail = f"retry {retry} of 3 in {delay:g} s {formula}".rstrip()
    words = f"attempt 1 failed at step 34: DrillError: step 34 failed on purpose — {tail}"
    assert line == Line("!!", words)


def test_a_preemption_names_the_work_to_redo() -> None:
    line = said("attempt.ended", cause="preempted_killed", step=77, committed_step=70, evidence="SIGINT")
    words = "attempt 1 preempted at step 77: SIGINT — no retry used"
    assert line == Line("!!", words)
    line = said(
        "drain.started",
        cause="preempted",
        grace=0.5,
        saving=False,
        why="too short",
        step=77,
        committed_step=70,
    )
    words = "preempted at step 77, 0.5 s of grace — no save: too short"
    assert line == Line("!!", words)


def test_a_preemption_that_names_no_reason_still_names_the_work_to_redo() -> None:
    line = said("attempt.ended", cause="preempted_killed", step=77, committed_step=70)
    assert line == Line("!!", "attempt 1 preempted at step 77: 7 steps will be redone — no retry used")
    line = said("drain.started", cause="preempted", saving=False, step=77, committed_step=70)
    assert line == Line("!!", "preempted at step 77 — no save: 7 steps will be redone")


def test_a_drill_is_announced() -> None:
    line = said(
        "drill.announced", kind="exception", at_step=34, in_steps=3, in_seconds=2.9, text="step 34 will fail"
    )
    assert line == Line("!!", "drill: step 34 will fail (in 3 steps, about 2.9 s)")


def test_an_end_nobody_announced_says_that_it_is_inferred() -> None:
    line = said(
        "attempt.ended", cause="killed_unknown", step=9, evidence="attempt 2 claimed the run", inferred=True
    )
    words = "attempt 1 ended at step 9, killed unknown (inferred): attempt 2 claimed the run"
    assert line == Line("!!", words)


def test_an_evaluation_that_was_asked_for_from_its_beginning_to_what_is_missing() -> None:
    line = said("evaluation.started", id="a", step=40, prompts=256, slices=4, gpu="H100")
    assert line == Line("--", "evaluation of step 40 begins: 256 prompts in 4 slices, each on one H100")
    assert said("evaluation.progressed", id="a", done=1, failed=0, scored=64) is None
    line = said("evaluation.slice_failed", id="a", slice=3, first=129, last=192, error="ValueError: no")
    assert line == Line("!!", "evaluation: slice 3 (prompts 129–192) failed: ValueError: no")
    found = {"reward/mean": 0.5, "exact_match": 0.25, "prompts": 256, "seconds": 4.2}
    about = {"id": "a", "step": 40, "slices": 4, "seconds": 4.2}
    line = said("evaluation.ended", **about, outcome="done", done=4, failed=0, metrics=found)
    words = "evaluation of step 40: reward/mean 0.500, exact_match 0.250 (256 prompts in 4.2 s)"
    assert line == Line("ok", words)
    line = said("evaluation.ended", **about, outcome="partial", done=3, failed=1, metrics=found)
    words = "reward/mean 0.500, exact_match 0.250 over the 256 prompts of 3 slices"
    assert line == Line("!!", f"evaluation of step 40: 1 of 4 slices failed after 4.2 s; {words}")
    line = said("evaluation.ended", **about, outcome="cancelled", done=0, failed=0, metrics={})
    assert line == Line("!!", "evaluation of step 40: cancelled after 4.2 s; nothing was scored")


@pytest.mark.parametrize("type", sorted(_SENTENCES))
def test_an_event_without_its_data_has_a_sentence_all_the_same(type: str) -> None:
    line = said(type)
    assert line is not None
    assert line.text.isprintable()
    hostile = dict.fromkeys(
        ("text", "evidence", "error", "detail", "kind", "verb", "by", "name", "why"), "\x1b[2J\n\x9b"
    )
    harmless = said(type, **hostile)
    assert harmless is not None
    assert harmless.text.isprintable()


def test_what_only_feeds_charts_has_none() -> None:
    assert said("host.sampled") is None
    assert said("rollout.sampled") is None
    assert said("moon.landed") is None


def test_the_demos_faults_are_each_said_once_in_plain_lines() -> None:
    story = demo_story()
    lines = [line for event in story.events if (line := plain_sentence(event, story.view)) is not None]
    assert sum(line.text.startswith("step ") for line in lines) == 250 + 4 + 7
    assert sum(line.mark == "ok" and line.text.startswith("committed") for line in lines) == 25
    faults = [line.text.split(" — ")[0] for line in lines if line.mark == "!!"]
    assert faults == [
        "drill: 34 fails (in 3 steps, about 3.0 s)",
        "attempt 1 failed at step 34: DrillError: on purpose",
        "preempted at step 77, 1.5 s of grace",
        "attempt 2 preempted at step 77: SIGINT, not saved",
        "commit of step 100 failed (try 1): refused",
    ]


def test_the_summary_counts_and_names_the_command() -> None:
    view = demo_story().view
    assert counts(view) == "1 retry · 1 preemption · steps redone 11 · commits 25 · committed lost 0"
    lines = summary(view, "middlewatch")
    assert lines[0].startswith("r7 SUCCEEDED: step 250/250, reward 1.000")
    assert lines[1] == "committed: step 250, step_00000250.a0003, position 28"
    assert lines[-1] == "look at it again: middlewatch show r7"


def test_waiting_says_for_what() -> None:
    booting = RunView(run=RUN, state=RunState.STARTING, state_since=100.0, call_id="fc-1")
    assert waiting(booting, 112.0).startswith("still STARTING, 12 s: container booting")
    backoff = Backoff(retry=2, of=3, delay=10.0, due=115.5)
    view = RunView(run=RUN, state=RunState.BACKOFF, state_since=105.5, backoff=backoff)
    assert waiting(view, 112.0) == "still BACKOFF, 6 s: retry 2 of 3 in 4 s"
