"""Which runs the home table shows and in which order, and how they are counted. Pure.

    arranged(sights, Sorting.PROBLEMS, "backoff")     # runs that match, what needs an eye first
    health(sights)                                    # '2 healthy · 1 late · 1 backing off · 1 failed'

A problem is a run that goes on and is not heard of, waits or recovers; or one that failed within a
day: older failures are history.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from remote.vocabulary.run_states import Freshness, RunState
from tui_app.widgets.sight import Sight

RECENT_SECONDS = 24 * 3600.0
TROUBLED = (RunState.BACKOFF, RunState.PREEMPTING, RunState.RECOVERING)


class Sorting(StrEnum):
    """What the rows are ordered by."""

    PROBLEMS = "problems first"
    NEWEST = "newest first"
    NAME = "by name"
    REWARD = "best reward first"

    @property
    def following(self) -> Sorting:
        """The next one, round and round."""
        every = list(Sorting)
        return every[(every.index(self) + 1) % len(every)]


def arranged(sights: Sequence[Sight], sorting: Sorting, sought: str) -> list[Sight]:
    """The runs that have every word of ``sought`` in name, state, freshness or task, in order."""
    words = sought.lower().split()
    kept = [sight for sight in sights if all(word in _text(sight) for word in words)]
    return sorted(kept, key=_KEYS[sorting])


def health(sights: Sequence[Sight]) -> str:
    """How many are well, late, waiting, failed; empty where there is no run."""
    tally = {"healthy": 0, "late": 0, "backing off": 0, "failed": 0}
    for sight in sights:
        word = _word(sight)
        if word:
            tally[word] += 1
    return " · ".join(f"{count} {word}" for word, count in tally.items() if count or word == "healthy")


def _word(sight: Sight) -> str:
    state = sight.view.state
    if state.is_terminal:
        return "failed" if state is RunState.FAILED else ""
    if state is RunState.BACKOFF:
        return "backing off"
    return "healthy" if sight.freshness is Freshness.LIVE else "late"


def _text(sight: Sight) -> str:
    view = sight.view
    parts = (view.run, view.state, sight.freshness or "", view.config.get("task", ""), _word(sight))
    return " ".join(map(str, parts)).lower()


def _rank(sight: Sight) -> int:
    view = sight.view
    if view.state is RunState.FAILED:
        return 0 if (sight.since(view.state_since) or 0.0) < RECENT_SECONDS else 3
    if view.state.is_terminal:
        return 3
    heard = sight.freshness in (Freshness.LIVE, Freshness.UNREACHABLE)
    return 2 if heard and view.state not in TROUBLED and view.commit_retry_at is None else 1


def _newest(sight: Sight) -> float:
    view = sight.view
    return -((view.state_since if view.state.is_terminal else view.spawned_at) or 0.0)


def _reward(sight: Sight) -> float:
    value = sight.view.metrics.get("reward/mean")
    return -value if value is not None and value == value else 1e300


_KEYS: dict[Sorting, Callable[[Sight], tuple[object, ...]]] = {
    Sorting.PROBLEMS: lambda sight: (_rank(sight), _newest(sight), sight.view.run),
    Sorting.NEWEST: lambda sight: (_newest(sight), sight.view.run),
    Sorting.NAME: lambda sight: (sight.view.run,),
    Sorting.REWARD: lambda sight: (_reward(sight), sight.view.run),
}
