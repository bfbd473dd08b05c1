"""Records of runs that may be resumed are read once a day, and what is gone is refused in words."""

from pathlib import Path

import pytest
from world import RUN, World

from remote.records import keys
from remote.vocabulary.commands import Verb
from remote.vocabulary.events import Severity
from tui_app.journal.records import Draft
from tui_app.watcher.caretaker import IDLE_SECONDS, NEXT_SECONDS, Caretaker

DAY = 24 * 3600.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.now = 10 * DAY
    made.ask(Verb.SPAWN, args={"config": {"steps": 20}})
    made.look()
    return made


def test_a_run_is_read_once_a_day_over_restarts(world: World) -> None:
    caretaker = Caretaker(world.journal, world.table, clock=world.clock)
    assert caretaker.look() == NEXT_SECONDS
    assert caretaker.look() == IDLE_SECONDS
    world.restart()
    again = Caretaker(world.journal, world.table, clock=world.clock)
    assert again.look() == IDLE_SECONDS
    world.now += DAY
    assert again.look() == NEXT_SECONDS


def test_a_run_that_has_succeeded_and_a_table_that_is_gone_do_no_harm(world: World) -> None:
    caretaker = Caretaker(world.journal, world.table, clock=world.clock)
    del world.tables[keys.run_table(RUN)]
    assert caretaker.look() == NEXT_SECONDS
    world.now += DAY
    world.journal.say(
        RUN, Draft(type="run.ended", sev=Severity.INFO, data={"state": "SUCCEEDED", "step": 20, "detail": ""})
    )
    assert caretaker.look() == IDLE_SECONDS
