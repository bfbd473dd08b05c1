"""Follows a foreign call that writes no records: levels 0 and 1, from the platform's words and its logs.

    follower = OutsideFollower("train-7xk2ab", journal, calls)
    seconds = follower.look()        # everything new up to now; when to look again

Each container of the call is an attempt. A line is new if no line of its moment, stream and words is
known, or, where it says its attempt and seq, if that is not known; so a line that the platform
delivers later than OVERLAP_SECONDS after a newer one is missed, and two that it stamps alike are one.
That is less than what records promise. It keeps nothing of its own: the journal has the lines.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence

from remote.vocabulary.events import Event, encode
from tui_app.journal.records import Arrival, Draft, LogLine
from tui_app.journal.writer import JournalWriter
from tui_app.state.levels import Level
from tui_app.state.view import AttemptView, RunView
from tui_app.watcher import outside
from tui_app.watcher.calls import CallInfo, Calls, LinkError
from tui_app.watcher.container_logs import fetch, note_newest, stamp, unseen
from tui_app.watcher.dues import Dues
from tui_app.watcher.inference import CallState
from tui_app.watcher.printed import Numbers, read

OVERLAP_SECONDS = 5.0
CALL_SECONDS = 2.0
LOG_SECONDS = 2.0
LOG_PAUSE_SECONDS = 60.0
LATE_WORD_SECONDS = 6.0
"""How long the platform's own line about an end may still be on its way."""
_LOG = logging.getLogger(__name__)


class OutsideFollower:
    """One adopted call, looked at by one thread at a time."""

    def __init__(
        self,
        run: str,
        journal: JournalWriter,
        calls: Calls,
        *,
        clock: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self.run = run
        self._journal, self._calls = journal, calls
        self._clock, self._mono = clock, mono
        self._dues = Dues(mono)
        self._since: dict[object, float] = {}
        self._placed: set[str] = set()

    def look(self) -> float:
        """Record what is new; seconds until the next look is wanted. LinkError."""
        view = self._journal.view(self.run)
        ended_ago = self._clock() - (view.state_since or 0.0)
        if view.state.is_terminal and ended_ago > LOG_PAUSE_SECONDS:
            return 300.0
        if not view.state.is_terminal and (twin := self._twin(view)) is not None:
            self._journal.say(self.run, outside.handed_over(twin, self._clock()))
            return 300.0
        info = None
        if not view.state.is_terminal and self._dues.is_due("call", CALL_SECONDS):
            info = self._calls.describe(view.call_id)
            self._see(info)
        self._read_logs(view)
        if info is not None:
            self._conclude(info)
        if not self._journal.view(self.run).state.is_terminal:
            self._journal.look_at_alerts(self.run)
        return 1.0

    def _twin(self, view: RunView) -> str | None:
        """The run of the same call that has records, if its trainer began to write some."""
        others = (self._journal.view(run) for run in self._journal.runs() if run != self.run)
        same = (other.run for other in others if other.call_id == view.call_id and other.level.has_records)
        return next(same, None)

    def _see(self, info: CallInfo) -> None:
        """The container that the platform names for the call."""
        view = self._journal.view(self.run)
        if info.task_id and self._attempt_in(view, info.task_id) is None:
            number = view.attempts[-1].number + 1 if view.attempts else 1
            self._journal.say(self.run, outside.container(number, info.task_id, self._clock()))
        if info.task_id:
            self._placed.add(info.task_id)

    def _conclude(self, info: CallInfo) -> None:
        view = self._journal.view(self.run)
        for attempt in view.attempts[:-1]:
            if attempt.cause is None and self._has_stood(attempt.number):
                evidence = f"the call went on in container {view.attempts[-1].task_id}"
                self._journal.say(self.run, outside.replaced(attempt, evidence, self._clock()))
        newest = view.attempt
        waits = info.state is CallState.PENDING and not info.task_id
        if newest is not None and newest.cause is None and newest.task_id in self._placed:
            if not waits:
                self._since.pop("waits", None)
            elif self._has_stood("waits"):
                evidence = "the platform says that the call waits for a container"
                self._journal.say(self.run, outside.replaced(newest, evidence, self._clock()))
        if info.state is not CallState.PENDING and self._has_stood(info.state, LATE_WORD_SECONDS / 2):
            self._journal.say(self.run, *outside.ended(view, info.state, self._clock()))

    def _read_logs(self, view: RunView) -> None:
        if not self._dues.is_due("logs", LOG_SECONDS):
            return
        newest = self._newest()
        try:
            since = None if newest is None else newest - OVERLAP_SECONDS
            printed = fetch(self._calls, view.call_id, since, newest)
        except LinkError:
            raise
        except Exception as error:
            _LOG.info("run %s: no logs for now: %s", self.run, error)
            self._dues.put_off("logs", LOG_PAUSE_SECONDS)
            return
        known = self._journal.logs_since(self.run, (newest or 0.0) - OVERLAP_SECONDS - 1.0)
        with self._journal.transaction():
            if new := unknown(printed, known):
                self._take(new)
            note_newest(self._journal, f"printed/{self.run}", printed, newest)

    def _newest(self) -> float | None:
        """When the newest line that was read was printed, also one that is kept as an event alone."""
        noted = self._journal.note(f"printed/{self.run}")
        return None if noted is None else float(noted)

    def _take(self, lines: Sequence[LogLine]) -> None:
        view, kept, news = self._journal.view(self.run), list[LogLine](), list[Arrival | Draft]()
        numbers = {attempt.task_id: attempt.number for attempt in view.attempts if attempt.task_id}
        newest = view.attempts[-1].number if view.attempts else 0
        level = view.level
        for line in lines:
            if line.task_id and line.task_id not in numbers:
                newest += 1
                numbers[line.task_id] = newest
                news.append(outside.container(newest, line.task_id, line.t))
            attempt = numbers.get(line.task_id, max(1, newest))
            said = self._said(line, attempt)
            if isinstance(said, Draft | Arrival) and said_by_trainer(said) and level is Level.L0:
                level = Level.L1
                news.insert(0, Draft(type="run.adopted", data={"level": level, "call_id": view.call_id}))
            news += [said] if said is not None else []
            if not isinstance(said, Arrival):
                kept.append(line)
        self._journal.add_logs(self.run, kept)
        self._record(news, lines)

    def _record(self, news: Iterable[Arrival | Draft], lines: Sequence[LogLine]) -> None:
        """In order, as few at a time as the order allows; what was lying there is as old as it says."""
        first = self._newest() is None
        sign = min(self._clock(), max(line.t for line in lines)) if first else self._clock()
        arrivals: list[Arrival] = []
        drafts: list[Draft] = []
        for item in news:
            if isinstance(item, Draft):
                drafts.append(item)
                continue
            if drafts:
                self._journal.record(self.run, arrivals, drafts=drafts)
                arrivals, drafts = [], []
            arrivals.append(item)
        self._journal.record(self.run, arrivals, drafts=drafts, sign_at=sign)

    def _said(self, line: LogLine, attempt: int) -> Arrival | Draft | None:
        """What a line is worth beside its being printed."""
        if line.fd == "system" and outside.PREEMPTION_WORDS in line.text:
            return outside.preempted(attempt, line.text[:300], line.t)
        said = read(self.run, line.text) if line.fd == "stdout" else None
        if isinstance(said, Numbers):
            event = said.event(self.run, line.t)
            if event is None:
                return Draft(attempt=attempt, type="step.completed", data=said.data, t=line.t)
            said = event
        return Arrival(said, encode(said)) if isinstance(said, Event) else None

    def _attempt_in(self, view: RunView, task_id: str) -> AttemptView | None:
        return next((each for each in view.attempts if each.task_id == task_id), None)

    def _has_stood(self, what: object, seconds: float = LATE_WORD_SECONDS) -> bool:
        """Whether this was so the last time as well, and for so long."""
        return self._mono() - self._since.setdefault(what, self._mono()) >= seconds


def said_by_trainer(said: Draft | Arrival) -> bool:
    """Whether it is a printed event, which only a trainer at level 1 writes."""
    return isinstance(said, Arrival) or said.type == "step.completed"


def unknown(printed: Iterable[LogLine], known: Sequence[LogLine]) -> list[LogLine]:
    """The printed lines that are not known yet, oldest first; of two that are stamped alike, one."""
    once: dict[object, LogLine] = {}
    for line in sorted(printed, key=lambda each: each.t):
        once.setdefault(stamp(line), line)
    return unseen(once.values(), known)
