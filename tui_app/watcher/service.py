"""What a watcher does once its target is known, as jobs: find runs, follow each, carry out intents.

Importing it imports modal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from remote.records import keys, registry
from tui_app.journal.intents import IntentReader
from tui_app.journal.reader import JournalReader
from tui_app.journal.writer import JournalWriter
from tui_app.locations import Locations
from tui_app.watcher.alert_hook import AlertHook
from tui_app.watcher.calls import Calls
from tui_app.watcher.caretaker import Caretaker
from tui_app.watcher.control import Control
from tui_app.watcher.errand import Tools
from tui_app.watcher.evaluator import Evaluator
from tui_app.watcher.follower import Follower
from tui_app.watcher.link import Link
from tui_app.watcher.modal_calls import ModalCalls, open_table, workspace
from tui_app.watcher.outside_follower import OutsideFollower
from tui_app.watcher.rounds import Rounds
from tui_app.watcher.run_records import ListedTable, OpenTable

REGISTRY_SECONDS = 2.0


def start_service(
    locations: Locations, journal: JournalWriter, link: Link, rounds: Rounds, on_alert: Sequence[str] = ()
) -> None:
    """Put the jobs of a watcher into its rounds; ``on_alert`` is the operator's command, or nothing."""
    calls = ModalCalls()
    scout = Scout(journal, open_table, calls, link, rounds)
    tools = Tools(
        journal=journal,
        reader=JournalReader(locations.journal),
        open_table=open_table,
        calls=calls,
        wake=scout.wake,
    )
    rounds.add("registry", scout.look)
    rounds.add("upkeep", Caretaker(journal, open_table).look)
    if on_alert:
        rounds.add("alerts", AlertHook(on_alert, journal, locations.target).look)
    own = dataclasses.replace(tools, reader=JournalReader(locations.journal))
    rounds.add("evaluations", Evaluator(own).look)
    rounds.add("intents", Control(IntentReader(locations.intents), tools).look)


class Scout:
    """Finds runs in the registry and has each followed; its request is the link's regular probe."""

    def __init__(
        self, journal: JournalWriter, open_table: OpenTable, calls: Calls, link: Link, rounds: Rounds
    ) -> None:
        self._journal, self._open_table, self._calls = journal, open_table, calls
        self._link, self._rounds = link, rounds
        self._table: ListedTable | None = None

    def look(self) -> float:
        """Follow what is new. LinkError."""
        with self._link.probing():
            if not self._link.workspace:
                self._link.workspace = workspace()
            try:
                if self._table is None:
                    self._table = self._open_table(keys.REGISTRY, True)
                entries = registry.runs(self._table)
            except Exception:
                self._table = None  # it may have been made anew, under another id
                raise
        adopted = [run for run in self._journal.runs() if not self._journal.view(run).level.has_records]
        for run in [*(entry.run for entry in entries), *adopted]:
            self._follow(run)
        return REGISTRY_SECONDS

    def wake(self, run: str) -> None:
        """Look at this run now."""
        self._follow(run)
        self._rounds.wake(f"run/{run}")

    def _follow(self, run: str) -> None:
        if f"run/{run}" in self._rounds:
            return
        follower: Follower | OutsideFollower
        if self._journal.view(run).level.has_records:
            follower = Follower(run, self._journal, self._open_table, self._calls)
        else:
            follower = OutsideFollower(run, self._journal, self._calls)
        self._rounds.add(f"run/{run}", follower.look)
