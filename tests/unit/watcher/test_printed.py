import json

import pytest

from remote.vocabulary.events import Event, encode
from tui_app.watcher.printed import Numbers, read


@pytest.mark.parametrize(
    ("line", "step", "metrics"),
    [
        ('{"step": 5, "loss": 0.3}', 5, {"loss": 0.3}),
        ('{"step": 5, "of": 9, "loss": 1, "reward/mean": -2}', 5, {"loss": 1.0, "reward/mean": -2.0}),
        ('{"loss": Infinity, "step": 1}', 1, {"loss": float("inf")}),
    ],
)
def test_a_flat_object_of_numbers_with_a_step_is_a_step(
    line: str, step: int, metrics: dict[str, float]
) -> None:
    said = read("r7", line)
    assert isinstance(said, Numbers)
    assert (said.step, said.metrics) == (step, metrics)


@pytest.mark.parametrize(
    "line",
    [
        "step 5 loss 0.3",
        "{'step': 5, 'loss': 0.3}",
        '{"step": 5}',
        '{"step": 0, "loss": 0.3}',
        '{"step": 1.5, "loss": 0.3}',
        '{"step": true, "loss": 0.3}',
        '{"loss": 0.3}',
        '{"step": 5, "loss": 0.3, "message": "saved"}',
        '{"step": 5, "loss": [0.3]}',
        '{"step": 5, "loss": 0.3, "seq": 4}',
        '[{"step": 5, "loss": 0.3}]',
        '{"step": 5, "loss": 0.3',
        '{"step": 5, "x": ' + "[" * 40_000,
        "\ud800",
    ],
)
def test_whatever_could_be_an_ordinary_line_stays_one(line: str) -> None:
    assert read("r7", line) is None


def test_a_line_with_attempt_and_seq_has_an_identity() -> None:
    said = read("r7", '{"step": 5, "loss": 0.3, "attempt": 2, "seq": 9}')
    assert isinstance(said, Numbers)
    event = said.event("r7", 7.0)
    assert event is not None
    assert (event.key, event.data["metrics"]) == (("r7", 2, "trainer", 9), {"loss": 0.3})


def test_our_own_event_line_is_the_adopted_runs_whatever_it_names() -> None:
    event = Event(run="other", attempt=1, source="watcher:x", seq=3, t=1.0, mono=0.0, type="step.completed")
    said = read("r7", encode(event).decode())
    assert isinstance(said, Event)
    assert said.key == ("r7", 1, "trainer", 3)
    assert read("r7", json.dumps({**json.loads(encode(event)), "attempt": 0})) is None
