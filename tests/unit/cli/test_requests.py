"""An intent is on disk, dated and signed, before anybody waits for it."""

import sqlite3

import pytest

from remote.vocabulary.commands import Outcome, OutcomeState, Verb
from tui_app.journal.intents import IntentReader
from tui_app.journal.writer import JournalWriter
from tui_app.locations import Locations
from tui_app.requests import await_outcome, look_up, operator, submit


def test_an_intent_says_who_what_and_until_when(locations: Locations) -> None:
    intent = submit(locations, Verb.STOP, "r7", attempt=3, ttl=20.0, clock=lambda: 1000.0)
    [(_, stored)] = IntentReader(locations.intents).read()
    assert stored == intent
    assert (stored.attempt, stored.created_at, stored.expires_at) == (3, 1000.0, 1020.0)
    assert stored.by == operator()
    assert stored.host
    with sqlite3.connect(locations.intents) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_two_intents_are_two(locations: Locations) -> None:
    first, second = submit(locations, Verb.STOP, "r7"), submit(locations, Verb.STOP, "r7")
    assert first.id != second.id


def test_only_a_final_outcome_ends_the_wait(locations: Locations) -> None:
    intent = submit(locations, Verb.CHECKPOINT, "r7", attempt=1)
    assert look_up(locations, intent.id) is None
    journal = JournalWriter(locations.journal)
    time = iter(range(100))
    states = iter([OutcomeState.SENT, OutcomeState.DONE])

    def answer(seconds: float) -> None:
        state = next(states, None)
        if state is not None:
            journal.record_outcome(intent, Outcome(intent=intent.id, state=state, detail="step 9", at=1.0))

    outcome = await_outcome(locations, intent.id, 50, mono=lambda: float(next(time)), sleep=answer)
    journal.close()
    assert outcome is not None
    assert (outcome.state, outcome.detail) == (OutcomeState.DONE, "step 9")


def test_the_wait_ends_in_time(locations: Locations) -> None:
    intent = submit(locations, Verb.CHECKPOINT, "r7", attempt=1)
    time = iter(range(100))
    assert (
        await_outcome(locations, intent.id, 5, mono=lambda: float(next(time)), sleep=lambda s: None) is None
    )
    assert next(time) <= 7


def test_behind_sudo_it_is_the_operator_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "ann")
    assert operator() == "ann"
