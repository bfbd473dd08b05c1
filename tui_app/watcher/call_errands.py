"""Spawn and resume: a generation of the run is reserved by compare-and-set, then called.

The reservation carries the intent's id, so whoever repeats it, after a lost reply or in the next
watcher, gets the same generation; and the trainer claims the generation for one call, so a second
call for it ends at once. What is left open by a crash in between is finished or ended, never doubled.
"""

from __future__ import annotations

import sys

from remote.records import keys, registry
from remote.records.commit_log import read_log, starts
from remote.records.errors import UnknownStepError
from remote.records.registry import Reservation
from remote.records.tables import Table
from remote.vocabulary.run_config import ConfigError, RunConfig
from tui_app.actions import ACTIONS
from tui_app.state.view import RunView
from tui_app.watcher import inference
from tui_app.watcher.errand import Errand, Result, done, failed, refused
from tui_app.watcher.run_records import as_spawn


class CallErrand(Errand):
    """What spawn and resume share: a reserved generation and the call for it."""

    def reservation(self, config: RunConfig, from_step: int | None = None) -> Reservation:
        """What this intent reserves."""
        intent = self.intent
        return Reservation(
            intent=intent.id,
            verb=intent.verb,
            by=intent.by,
            host=intent.host,
            config=config.to_json(),
            from_step=from_step,
            at=intent.created_at,
        )

    def call(self, table: Table, generation: int, reserved: Reservation) -> Result:
        """Make the call unless it was made, and write it down."""
        run = self.intent.run
        call_id = registry.call_of(table, generation)
        if call_id is None and self.is_expired:
            return self._abandon(generation, reserved)
        if call_id is None:
            what = {"id": self.intent.id, "generation": generation, "from_step": reserved.from_step}
            call_id = self.tools.calls.spawn(run, reserved.config, what)
            registry.record_call(table, generation, call_id, clock=self.tools.clock)
        with self.tools.journal.transaction():
            spawn = as_spawn(reserved, generation, call_id)
            self.tools.journal.say(run, *inference.spawned(self.tools.journal.view(run), spawn))
        self.tools.wake(run)
        return done(f"{run} is call {call_id}")

    def _abandon(self, generation: int, reserved: Reservation) -> Result:
        """It was reserved and is too late to be called: end it, so that it can be resumed."""
        run, journal, spawn = self.intent.run, self.tools.journal, as_spawn(reserved, generation, "")
        with journal.transaction():
            journal.say(run, *inference.spawned(journal.view(run), spawn))
            journal.say(run, *inference.never_called(journal.view(run), spawn, self.tools.clock()))
        return failed(f"{run} was reserved but could not be called in time; to try again: resume it")


class SpawnErrand(CallErrand):
    """A new run."""

    def step(self) -> Result | None:
        """See `Errand.step`."""
        run = self.intent.run
        try:
            keys.check_run_name(run)
            config = RunConfig.from_json(self.intent.args.get("config") or {})
        except (ConfigError, ValueError) as error:
            return refused(str(error))
        self.tools.calls.check_deployed()
        table, reserved = self.table(create=True), self.reservation(config)
        generation, ours = registry.reserve(table, reserved, generation=1)
        if not ours:
            return refused(f"{run} exists already; choose another name, or resume it")
        self.has_begun = True
        runs = self.tools.open_table(keys.REGISTRY, True)
        registry.register(runs, run, self.intent.by, self.intent.host, self.tools.clock())
        self.mark_sent()
        return self.call(table, generation, reserved)


class ResumeErrand(CallErrand):
    """The next generation of a run that has ended."""

    def step(self) -> Result | None:
        """See `Errand.step`."""
        view, from_step = self.view, self.intent.args.get("from_step")
        if view is None:
            return refused(f"there is no run {self.intent.run}")
        if from_step is not None and (type(from_step) is not int or from_step < 0):
            return refused(f"from_step is {from_step!r}; allowed is a committed step, or 0 for the beginning")
        table = self.table()
        before = registry.reservation(table, max(1, view.generation))
        if before is None and view.attempts:
            return refused(
                f"the target has forgotten the records of {self.intent.run} (Modal drops a Dict entry after "
                "7 days without a read); its checkpoints are on the volume, but which of them count is lost"
            )
        try:
            config = RunConfig.from_json(self.intent.args.get("config") or (before.config if before else {}))
        except ConfigError as error:
            return refused(str(error))
        reserved = self.reservation(config, from_step)
        generation, ours = registry.reserve(table, reserved, generation=0)
        if not ours:
            if (why := self._refusal(view, table, config, from_step)) is not None:
                return refused(why)
            self.tools.calls.check_deployed()
            generation, ours = registry.reserve(table, reserved, generation=view.generation + 1)
        if not ours:
            return refused(f"{self.intent.run} was resumed by somebody else at the same moment")
        self.mark_sent()
        return self.call(table, generation, reserved)

    def _refusal(self, view: RunView, table: Table, config: RunConfig, from_step: int | None) -> str | None:
        more = view.of is not None and config.steps > view.of
        if not view.state.is_terminal or not (more or from_step is not None):
            return ACTIONS["resume"].refusal(view)
        try:
            starts(read_log(table), from_step=from_step, first_attempt=sys.maxsize)
        except UnknownStepError as error:
            return str(error)
        return None
