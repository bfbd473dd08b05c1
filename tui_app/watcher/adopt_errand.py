"""Adopt: a call that somebody else made is followed from now on; nothing is sent to it.

``fc-…`` is the call itself. ``ap-…`` is an app, and means its one live call; where it has none or
several, the answer says what is there. Adopting a call that is known gives the run that it is of.
"""

from __future__ import annotations

import re

from tui_app.journal.records import Draft
from tui_app.state.levels import Level
from tui_app.watcher.calls import CallInfo
from tui_app.watcher.errand import Errand, Result, done, refused
from tui_app.watcher.inference import CallState

MAX_LISTED = 8
RECORDS_SECONDS = 4.0
"""How long a call may need to show that it writes records, before it is followed from outside."""


class AdoptErrand(Errand):
    """Safe to repeat: what was adopted is found in the journal."""

    def step(self) -> Result | None:
        """See `Errand.step`."""
        target = str(self.intent.args.get("id") or "")
        if target.startswith("ap-"):
            return self._app(target)
        if not target.startswith("fc-"):
            return refused(f"id is {target[:60]!r}; allowed is a call fc-… or an app ap-…")
        return self._call(target)

    def _app(self, app: str) -> Result | None:
        found = self.tools.calls.calls_of(app)
        if found is None:
            return refused(f"the target knows no app {app}")
        live = {call: info for call, info in found.items() if info.state is CallState.PENDING}
        if len(live) == 1:
            return self._call(next(iter(live)))
        listed = "; ".join(f"{call} ({_words(info)})" for call, info in list(found.items())[-MAX_LISTED:])
        if live:
            return refused(f"app {app} has {len(live)} live calls, open one of them: {listed}")
        ended = f"; seen in its logs: {listed}" if found else ""
        return refused(f"app {app} has no live call that has printed anything yet{ended}")

    def _call(self, call_id: str) -> Result | None:
        journal = self.tools.journal
        known = sorted(
            (view for run in journal.runs() if (view := journal.view(run)).call_id == call_id),
            key=lambda view: view.level.has_records,
        )
        if known:
            return done(f"{call_id} is {known[-1].run}")
        info = self.tools.calls.describe(call_id)
        if info.state is CallState.UNKNOWN:
            return refused(f"the target knows no call {call_id}")
        if info.inputs > 1:
            return refused(
                f"call {call_id} is a map of {info.inputs} inputs, which is not followed as one run"
            )
        young = self.tools.clock() - self.intent.created_at < RECORDS_SECONDS
        if young and info.state is CallState.PENDING and info.task_id:
            return None
        run = free_name(info.function, call_id, journal.runs())
        intent = self.intent
        data = {
            "call_id": call_id,
            "function": info.function,
            "level": Level.L0,
            "by": intent.by,
            "host": intent.host,
        }
        journal.say(run, Draft(type="run.adopted", data=data))
        self.tools.wake(run)
        return done(f"{call_id} is followed as {run}")


def free_name(function: str, call_id: str, taken: list[str]) -> str:
    """A run name made of the function's and the end of the call's id."""
    base = re.sub(r"[^a-z0-9]+", "-", function.lower()).strip("-")[:32].strip("-") or "call"
    tail = re.sub(r"[^a-z0-9]", "", call_id.removeprefix("fc-").lower())
    short = f"{base}-{tail[-6:]}".strip("-")
    return short if short not in taken else f"fc-{tail}"[:48]


def _words(info: CallInfo) -> str:
    state = info.state.value
    if info.state is CallState.PENDING:
        state = "running" if info.task_id else "queued"
    return f"{info.function or 'a function'}, {state}"
