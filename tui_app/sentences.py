"""Every event as one sentence: the same words in plain lines and in the dashboard's event log.

    sentence(event, view)      # Line("ok", "committed step 30 (position 4, 1.3 MB, 0.04 s)")

``view`` is the run after the event. A mark says at a glance what it is: ``!!`` a fault, real or
rehearsed; ``ok`` something that is safe now; ``--`` what is under way; none for a step. What a
remote process wrote has passed `text_safety`. Knows no terminal and no clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from remote.vocabulary.events import Event
from remote.vocabulary.run_config import DEPLOYED_RETRIES
from remote.vocabulary.run_states import EndCause, RunState, StartKind
from tui_app import evaluation_sentences
from tui_app.render.formats import backoff_formula, countdown, metric, plural, size, span
from tui_app.state.fields import Fields
from tui_app.state.levels import Level
from tui_app.state.view import RunView
from tui_app.text_safety import shown

TEXT_LIMIT = 300


class Line(NamedTuple):
    """A sentence and its mark: ``!!``, ``ok``, ``--`` or empty."""

    mark: str
    text: str


def sentence(event: Event, view: RunView) -> Line | None:
    """What happened, in one line; None for what only feeds charts and panels."""
    words = _SENTENCES.get(event.type)
    return words(Fields(event.data), event, view) if words is not None else None


def _text(fields: Fields, name: str) -> str:
    return shown(fields.text(name), TEXT_LIMIT)


def _whole(fields: Fields, name: str) -> str:
    value = fields.whole(name)
    return "?" if value is None else str(value)


def _spawned(fields: Fields, event: Event, view: RunView) -> Line:
    if fields.text("verb") == "adopt":
        return Line("--", f"{shown(view.run)} was begun by its own trainer (level 2)")
    verb = "resumed" if fields.text("verb") == "resume" else "spawned"
    start = fields.whole("from_step")
    origin = f" from step {start}" if start is not None else ""
    who = f"{_text(fields, 'by') or '?'}@{_text(fields, 'host') or '?'}"
    return Line("--", f"{shown(view.run)} {verb}{origin} by {who}")


def _adopted(fields: Fields, event: Event, view: RunView) -> Line:
    level = fields.word("level", Level)
    if level is Level.L1:
        return Line("--", "its printed lines are steps: level 1")
    what = f"{_text(fields, 'call_id')} of {_text(fields, 'function') or 'a function'}"
    return Line("--", f"call {what} is followed from outside (level 0)")


def _container(fields: Fields, event: Event, view: RunView) -> Line:
    return Line("--", f"attempt {event.attempt} is in container {_text(fields, 'task_id')}")


def _claimed(fields: Fields, event: Event, view: RunView) -> Line:
    start, boot = fields.word("start", StartKind), fields.real("boot_seconds")
    how = start.words if start is not None else "start not reported"
    ready = f" in {span(boot)}" if boot is not None else ""
    resumed = fields.whole("resumed_from") or 0
    origin = f"resumes from step {resumed}" if resumed else "starts from scratch"
    return Line("--", f"attempt {event.attempt} claimed ({how}{ready}), {origin}")


def _gpus(fields: Fields, event: Event, view: RunView) -> Line:
    demo = " (CPU demo)" if fields.flag("cpu_demo") else ""
    asked, found = _whole(fields, "requested_count"), _whole(fields, "count")
    return Line("--", f"GPU {asked} requested, {found} present{demo}")


def _model(fields: Fields, event: Event, view: RunView) -> Line:
    parameters, seconds = fields.whole("parameters"), fields.real("seconds")
    size_text = f", {parameters:,} parameters" if parameters is not None else ""
    return Line("--", f"model {_text(fields, 'model')}{size_text}{_took(seconds)}")


def _took(seconds: float | None) -> str:
    return f", {span(seconds)}" if seconds is not None else ""


def _loaded(fields: Fields, event: Event, view: RunView) -> Line:
    place = f"position {_whole(fields, 'position')}{_took(fields.real('seconds'))}"
    return Line("ok", f"loaded the checkpoint of step {_whole(fields, 'step')} ({place})")


def _skipped(fields: Fields, event: Event, view: RunView) -> Line:
    return Line("!!", f"checkpoint {_text(fields, 'name')} passed over: {_text(fields, 'why')}")


_COLUMNS = (
    ("reward", "reward/mean", 3),
    ("loss", "loss", 3),
    ("kl", "mismatch_kl", 4),
    ("entropy", "entropy", 2),
)


def _step(fields: Fields, event: Event, view: RunView) -> Line:
    metrics = fields.metrics()
    of = fields.whole("of") or view.of
    goal = f"/{of}" if of is not None else ""
    width = len(str(of)) if of is not None else 4
    parts = [f"step {_whole(fields, 'step'):>{width}}{goal}"]
    parts += [f"{name} {fixed(metrics[key], digits)}" for name, key, digits in _COLUMNS if key in metrics]
    if "tokens_per_second" in metrics:
        parts.append(f"{fixed(metrics['tokens_per_second'], 0)} tok/s")
    if "step_seconds" in metrics:
        parts.append(f"{fixed(metrics['step_seconds'], 2)} s")
    return Line("", "  ".join(parts))


def fixed(value: float, digits: int) -> str:
    """A number with so many decimals and thousands apart; NaN and infinities as words."""
    return f"{value:,.{digits}f}" if abs(value) < 1e12 else metric(value)


def _saved(fields: Fields, event: Event, view: RunView) -> Line:
    step, took = _whole(fields, "step"), _took(fields.real("seconds"))
    return Line("--", f"saved step {step} ({_bytes(fields)}{took}, {_text(fields, 'reason')})")


def _bytes(fields: Fields) -> str:
    count = fields.whole("bytes")
    return size(count) if count is not None else "size not reported"


def _committed(fields: Fields, event: Event, view: RunView) -> Line:
    tries = fields.whole("tries") or 1
    parts = [f"position {_whole(fields, 'position')}", _bytes(fields)]
    if (seconds := fields.real("seconds")) is not None:
        parts.append(span(seconds))
    if tries > 1:
        parts.append(f"at try {tries}")
    return Line("ok", f"committed step {_whole(fields, 'step')} ({', '.join(parts)})")


def _commit_failed(fields: Fields, event: Event, view: RunView) -> Line:
    retry_in = fields.real("retry_in")
    again = f"again in {countdown(retry_in)}" if retry_in is not None else "not tried again"
    which = f"commit of step {_whole(fields, 'step')} failed (try {_whole(fields, 'try')})"
    return Line("!!", f"{which}: {_text(fields, 'error')} — {again}")


def _drain(fields: Fields, event: Event, view: RunView) -> Line:
    cause = _text(fields, "cause") or "interrupted"
    grace = fields.real("grace")
    left = f", {span(grace)} of grace" if grace is not None else ""
    fate = "saving first" if fields.flag("saving") else f"no save: {_text(fields, 'why') or _redo(fields)}"
    return Line("!!", f"{cause} at step {_whole(fields, 'step')}{left} — {fate}")


def _drill(fields: Fields, event: Event, view: RunView) -> Line:
    ahead, seconds = fields.whole("in_steps"), fields.real("in_seconds")
    when = (
        f" (in {plural(ahead, 'step')}" + (f", about {span(seconds)})" if seconds else ")") if ahead else ""
    )
    return Line("!!", f"drill: {_text(fields, 'text')}{when}")


def _drilled(fields: Fields, event: Event, view: RunView) -> Line:
    kind = _text(fields, "kind").replace("_", " ")
    return Line("!!", f"drill at step {_whole(fields, 'at_step')}: {kind}")


def _command(fields: Fields, event: Event, view: RunView) -> Line:
    return Line("--", f"attempt {event.attempt} takes the operator's {_text(fields, 'verb')}")


def _command_done(fields: Fields, event: Event, view: RunView) -> Line:
    done = fields.text("outcome") == "done"
    detail = _text(fields, "detail")
    tail = f": {detail}" if detail else ""
    return Line("ok" if done else "!!", f"{_text(fields, 'verb')} {_text(fields, 'outcome')}{tail}")


def _exception(fields: Fields, event: Event, view: RunView) -> Line:
    return Line("!!", f"{_text(fields, 'kind')}: {_text(fields, 'message')}")


def _attempt_ended(fields: Fields, event: Event, view: RunView) -> Line:
    cause = fields.word("cause", EndCause)
    at = f"attempt {event.attempt}"
    step, evidence = _whole(fields, "step"), _text(fields, "evidence")
    because = f": {evidence}" if evidence else ""
    if cause is EndCause.COMPLETED:
        return Line("ok", f"{at} completed at step {step}")
    if cause is EndCause.STOPPED:
        return Line("ok", f"{at} stopped at step {step}{because}")
    if cause in (EndCause.PREEMPTED_DRAINED, EndCause.PREEMPTED_KILLED):
        return Line("!!", f"{at} preempted at step {step}{because or ': ' + _redo(fields)} — no retry used")
    if cause in (EndCause.EXCEPTION, EndCause.TIMEOUT):
        word = "failed" if cause is EndCause.EXCEPTION else "timed out"
        return Line("!!", f"{at} {word} at step {step}{because} — {_retry(fields)}")
    name = str(cause).replace("_", " ") if cause is not None else "cause not reported"
    inferred = " (inferred)" if fields.flag("inferred") else ""
    return Line("!!", f"{at} ended at step {step}, {name}{inferred}{because}")


def _redo(fields: Fields) -> str:
    step, committed = fields.whole("step"), fields.whole("committed_step")
    if step is None or committed is None or step <= committed:
        return "no step will be redone"
    return f"{plural(step - committed, 'step')} will be redone"


def _retry(fields: Fields) -> str:
    retry, delay = fields.whole("retry"), fields.real("delay")
    if not fields.flag("will_retry") or not retry or delay is None:
        return "no retry left"
    return f"retry {retry} of {_whole(fields, 'of')} in {delay:g} s{_formula(retry, delay)}"


def _formula(retry: int, delay: float) -> str:
    """How the delay came to be, where it is the deployed policy's: ``(5 s = 5·2⁰)``."""
    policy = DEPLOYED_RETRIES
    if not policy.gives(retry, delay):
        return ""
    why = backoff_formula(delay, retry, policy.initial_delay, policy.backoff_coefficient, policy.max_delay)
    return f" ({why.replace(' s', '', 1)})"


def _retry_scheduled(fields: Fields, event: Event, view: RunView) -> Line:
    delay = fields.real("delay") or 0.0
    return Line("!!", f"backoff: retry {_whole(fields, 'retry')} of {_whole(fields, 'of')} in {delay:g} s")


def _run_ended(fields: Fields, event: Event, view: RunView) -> Line:
    state, detail = fields.word("state", RunState), _text(fields, "detail")
    reason = _text(fields, "reason").replace("_", " ")
    why = f" ({reason})" if reason else ""
    mark = "!!" if state is RunState.FAILED else "ok"
    tail = f": {detail}" if detail else ""
    return Line(mark, f"{shown(view.run)} {state or 'ended'}{why} at step {_whole(fields, 'step')}{tail}")


def _intent_sent(fields: Fields, event: Event, view: RunView) -> Line:
    return Line("--", f"{_text(fields, 'by')}@{_text(fields, 'host')} asks: {_text(fields, 'verb')}")


def _phase(fields: Fields, event: Event, view: RunView) -> Line:
    return Line("--", f"attempt {event.attempt} is {_text(fields, 'phase')}")


def _deleted(fields: Fields, event: Event, view: RunView) -> Line:
    return Line("--", f"deleted the checkpoint of step {_whole(fields, 'step')}")


def _evaluated(fields: Fields, event: Event, view: RunView) -> Line:
    found = fields.metrics()
    prompts, seconds = evaluation_sentences.count_of(found), found.get("seconds")
    values = ", ".join(f"{n} {metric(v)}" for n, v in found.items() if n not in ("prompts", "seconds"))
    took = "" if seconds is None or not math.isfinite(seconds) else f" in {span(seconds)}"
    scored = f" ({plural(prompts, 'prompt')}{took})" if prompts else ""
    return Line("ok", f"evaluation at step {_whole(fields, 'step')}: {values}{scored}")


def _of_evaluation(words: Callable[[Fields], tuple[str, str]]) -> Callable[[Fields, Event, RunView], Line]:
    return lambda fields, event, view: Line(*words(fields))


def _alert(fields: Fields, event: Event, view: RunView) -> Line:
    evidence = _text(fields, "evidence")
    because = f": {evidence}" if evidence else ""
    return Line("!!", f"{_text(fields, 'severity') or 'alert'}: {_text(fields, 'text')}{because}")


def _alert_cleared(fields: Fields, event: Event, view: RunView) -> Line:
    seconds = fields.real("seconds")
    after = f" after {span(seconds)}" if seconds is not None else ""
    return Line("ok", f"over{after}: {_text(fields, 'text')}")


_SENTENCES: dict[str, Callable[[Fields, Event, RunView], Line]] = {
    "run.spawned": _spawned,
    "run.adopted": _adopted,
    "container.seen": _container,
    "attempt.claimed": _claimed,
    "phase.changed": _phase,
    "gpu.found": _gpus,
    "model.loaded": _model,
    "checkpoint.loaded": _loaded,
    "checkpoint.skipped": _skipped,
    "step.completed": _step,
    "eval.completed": _evaluated,
    "checkpoint.saved": _saved,
    "volume.committed": _committed,
    "volume.commit_failed": _commit_failed,
    "checkpoint.deleted": _deleted,
    "drain.started": _drain,
    "drill.announced": _drill,
    "drill.executed": _drilled,
    "command.received": _command,
    "command.done": _command_done,
    "exception.raised": _exception,
    "attempt.ended": _attempt_ended,
    "retry.scheduled": _retry_scheduled,
    "run.ended": _run_ended,
    "intent.sent": _intent_sent,
    "evaluation.started": _of_evaluation(evaluation_sentences.started),
    "evaluation.slice_failed": _of_evaluation(evaluation_sentences.slice_failed),
    "evaluation.ended": _of_evaluation(evaluation_sentences.ended),
    "alert.raised": _alert,
    "alert.cleared": _alert_cleared,
}
