"""A call begins: a run is spawned or resumed, and an attempt claims it.

The two may arrive in either order. A generation counts the calls of a run; a new one takes back the
terminal state of the one before it. Pure handlers of the fold.
"""

from __future__ import annotations

from typing import Any

import msgspec

from remote.vocabulary.events import Event
from remote.vocabulary.run_config import ConfigError, gpu_count
from remote.vocabulary.run_states import AttemptPhase, RunState, StartKind
from tui_app.state import attempts
from tui_app.state.commits import resumed_at, rewound
from tui_app.state.endings import preempted
from tui_app.state.fields import Fields
from tui_app.state.levels import Level
from tui_app.state.view import AttemptView, NextDrill, RunView

MAX_CONFIG_BYTES = 16_384
replace = msgspec.structs.replace


def spawned(view: RunView, event: Event, fields: Fields) -> RunView:
    """A call of this run exists. A higher generation starts the run anew, unless the call's own
    claim was seen first: then only what the claim does not say is filled in."""
    generation, call_id = fields.whole("generation") or 1, fields.text("call_id")
    if generation < view.generation:
        return view
    claimed_first = bool(call_id) and call_id == view.call_id
    if claimed_first:
        view = replace(view, attempts=_renumbered(view, generation))
    elif generation > view.generation:
        view = _anew(view)
    config = fields.mapping("config")
    from_step = fields.whole("from_step")
    if from_step is not None and not claimed_first:
        view = rewound(view, from_step)
    limit = Fields(config).whole("max_retries")
    steps = Fields(config).whole("steps")
    return replace(
        view,
        generation=generation,
        level=Level.L2 if fields.text("verb") == "adopt" else view.level,
        call_id=call_id or view.call_id,
        spawned_at=event.t,
        by=fields.text("by"),
        host=fields.text("host"),
        config=config if _storable(config) else {},
        max_retries=limit if limit is not None else view.max_retries,
        of=steps if steps is not None else view.of,
        gpu_requested=_gpu_asked(view, config),
        gpu_requested_count=_gpus_asked(view, config),
        drills=_drills_ahead(view, Fields(config)),
    )


def _anew(view: RunView) -> RunView:
    return replace(
        view,
        state=RunState.QUEUED,
        reason=None,
        detail="",
        call_id="",
        retries_used=0,
        backoff=None,
        drain=None,
        drill_text="",
    )


def _renumbered(view: RunView, generation: int) -> tuple[AttemptView, ...]:
    return tuple(
        replace(attempt, generation=generation) if attempt.generation == view.generation else attempt
        for attempt in view.attempts
    )


def _drills_ahead(view: RunView, config: Fields) -> tuple[NextDrill, ...]:
    """A drill happens once in a run's life, so not again below the highest step that was reached."""
    highest = max((attempt.last_step for attempt in view.attempts), default=0)
    found = []
    for item in config.items("drills"):
        drill = Fields(item)
        kind, step = drill.text("kind"), drill.whole("step")
        if kind and step is not None and step > highest:
            found.append(NextDrill(kind=kind, step=step))
    return tuple(sorted(found, key=lambda drill: (drill.step, drill.kind)))


def _gpu_asked(view: RunView, config: dict[str, Any]) -> str | None:
    """A config without the word does not ask for none: nobody has said."""
    if view.gpu_requested is not None or "gpu" not in config:
        return view.gpu_requested
    return Fields(config).text("gpu")


def _gpus_asked(view: RunView, config: dict[str, Any]) -> int | None:
    if view.gpu_requested_count is not None or "gpu" not in config:
        return view.gpu_requested_count
    try:
        return gpu_count(Fields(config).text("gpu"))
    except ConfigError:
        return None


def _storable(config: dict[str, Any]) -> bool:
    """Whether a view that holds it can still be stored."""
    try:
        return len(msgspec.msgpack.encode(config)) <= MAX_CONFIG_BYTES
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
        return False


def claimed(view: RunView, event: Event, fields: Fields) -> RunView:
    """An attempt exists. One of an unknown call means that the call's spawn has not arrived yet."""
    number, call_id = event.attempt, fields.text("call_id")
    if number < 1:
        return view
    newest = attempts.is_newest(view, number)
    other_call = bool(call_id) and call_id != view.call_id
    older = other_call and view.spawned_at is not None and event.t < view.spawned_at
    if newest and not older and (other_call or not view.generation):
        view = replace(_anew(view), generation=view.generation + 1, call_id=call_id)
    generation = view.generation if newest and not older else None
    resumed_from = fields.whole("resumed_from") or 0

    def change(attempt: AttemptView) -> AttemptView:
        boot = fields.real("boot_seconds")
        attempt = replace(
            attempt,
            generation=generation or attempt.generation,
            start=fields.word("start", StartKind),
            boot_seconds=boot,
            task_id=fields.text("task_id"),
            host=fields.text("host"),
            resumed_from=resumed_from,
            last_step=max(attempt.last_step, resumed_from),
        )
        if boot is not None and boot >= 0:
            attempt = attempts.with_phase(attempt, AttemptPhase.BOOTING, event.t - boot)
        return attempts.with_phase(attempt, AttemptPhase.CLAIMED, event.t)

    view = resumed_at(view, number, resumed_from)
    view = attempts.update(view, number, event.t, change, generation=generation)
    view = preempted(view, fields.whole("preemptions") or 0)
    if not newest:
        return view
    limit = fields.whole("max_retries")
    return replace(
        view,
        retries_used=max(view.retries_used, fields.whole("retries_used") or 0),
        max_retries=limit if limit is not None else view.max_retries,
        backoff=None,
        drain=None,
        commit_retry_at=None,
        drill_text="",
    )
