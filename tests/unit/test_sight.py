"""How old what is shown is, in one word."""

import pytest

from remote.vocabulary.run_states import Freshness, RunState
from tui_app.state.view import RunView
from tui_app.widgets.sight import Link, Sight

NOW = 1_800_000_000.0
LINK = Link("local", beat_at=NOW, started_at=NOW - 900)


@pytest.mark.parametrize(
    ("spawned_ago", "sign_ago", "named"),
    [
        (1, None, Freshness.LIVE),
        (40, None, Freshness.LIVE),
        (61, None, Freshness.SILENT),
        (500, 2, Freshness.LIVE),
        (500, 40, Freshness.LATE),
        (500, 61, Freshness.SILENT),
    ],
)
def test_a_first_boot_is_not_late_but_a_run_that_has_spoken_may_be(
    spawned_ago: float, sign_ago: float | None, named: Freshness
) -> None:
    view = RunView(run="r", state=RunState.STARTING, spawned_at=NOW - spawned_ago)
    assert Sight(view, LINK, NOW, None if sign_ago is None else NOW - sign_ago).freshness is named
