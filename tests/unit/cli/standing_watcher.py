"""A watcher that is the test: it holds the real lock, reads the real intents and records outcomes with the
real writer, so that each outcome can be chosen."""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from remote.vocabulary.commands import Intent, Outcome, OutcomeState
from tui_app.journal.intents import IntentReader
from tui_app.journal.records import Draft, WatcherStatus
from tui_app.journal.writer import JournalWriter
from tui_app.locations import Locations, local_cloud_state
from tui_app.subprocesses import fingerprint
from tui_app.targets import client_environment
from tui_app.watcher_launch import hold_lock

Answer = Callable[[Intent], Outcome | None]


class Watcher:
    """Holds the lock and answers intents as it is told to."""

    def __init__(self, locations: Locations) -> None:
        self.locations = locations
        self.answer: Answer = lambda intent: None
        self.says: Callable[[Intent], list[Draft]] = lambda intent: []
        self.intents: list[Intent] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    @contextlib.contextmanager
    def running(self) -> Iterator["Watcher"]:
        started = psutil.Process().create_time()
        with hold_lock(self.locations, pid=os.getpid(), started_at=started):
            self._thread.start()
            try:
                yield self
            finally:
                self._stop.set()
                self._thread.join()

    def _watch(self) -> None:
        journal, reader, newest = (
            JournalWriter(self.locations.journal),
            IntentReader(self.locations.intents),
            0,
        )
        journal.set_status(
            WatcherStatus(
                pid=os.getpid(),
                started_at=psutil.Process().create_time(),
                beat_at=time.time(),
                target="local",
                workspace="local",
                reachable=True,
                reachable_since=time.time(),
                detail="",
                watcher_id=journal.watcher_id,
                version="test",
            )
        )
        while not self._stop.wait(0.05):
            for row, intent in reader.read(newest):
                newest = row
                self.intents.append(intent)
                outcome = self.answer(intent)
                if outcome is not None:
                    journal.record_outcome(intent, outcome)
                if drafts := self.says(intent):
                    with contextlib.closing(JournalWriter(self.locations.journal)) as knowing:
                        knowing.say(intent.run, *drafts)  # what the test has recorded since we began too
        reader.close()
        journal.close()


@pytest.fixture
def watcher(locations: Locations) -> Iterator[Watcher]:
    """A target that counts as up, and a watcher on it."""
    cloud = local_cloud_state()
    cloud.mkdir(mode=0o700)
    client = {
        "pid": os.getpid(),
        "pid_created": psutil.Process().create_time(),
        "environment": {"MODAL_SERVER_URL": "unix:/nowhere"},
    }
    (cloud / "client.json").write_text(json.dumps(client))
    locations.deployed.write_text(json.dumps({"fingerprint": fingerprint(client_environment("local"))}))
    with Watcher(locations).running() as standing:
        yield standing


def answering(state: OutcomeState, detail: str = "") -> Answer:
    return lambda intent: Outcome(intent=intent.id, state=state, detail=detail, at=time.time())
