"""An evaluation that somebody asked for, as sentences: (mark, text), as in `tui_app.sentences`.

What remote processes wrote has passed `text_safety`. How far it has come is no sentence: that is shown, as
a bar, by whoever watches it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tui_app.render.formats import NO_REASON, age, metric, numbered, plural, span
from tui_app.state.evaluation import EvaluationView
from tui_app.state.fields import Fields
from tui_app.text_safety import shown

ERROR_LIMIT = 300


def started(fields: Fields) -> tuple[str, str]:
    """It begins."""
    what = (
        f"{plural(fields.whole('prompts') or 0, 'prompt')} in {plural(fields.whole('slices') or 0, 'slice')}"
    )
    gpu = shown(fields.text("gpu"), 24)
    return "--", f"evaluation of step {_step(fields)} begins: {what}" + (
        f", each on one {gpu}" if gpu else ""
    )


def slice_failed(fields: Fields) -> tuple[str, str]:
    """A part of it will be missing."""
    error = shown(fields.text("error"), ERROR_LIMIT) or NO_REASON
    part = numbered("prompt", fields.whole("first"), fields.whole("last"))
    return "!!", f"evaluation: slice {fields.whole('slice')} ({part}) failed: {error}"


def count_of(found: Mapping[str, float]) -> int:
    """How many prompts were scored; 0 for what is no number."""
    prompts = found.get("prompts", 0.0)
    return round(prompts) if math.isfinite(prompts) else 0


def ended(fields: Fields) -> tuple[str, str]:
    """What was found, and of how much."""
    outcome, found, seconds = fields.text("outcome"), fields.metrics(), fields.real("seconds")
    took = "" if seconds is None else f" in {span(seconds)}"
    after = "" if seconds is None else f" after {span(seconds)}"
    figures, scored = _figures(found), plural(count_of(found), "prompt")
    what = f"evaluation of step {_step(fields)}"
    if outcome == "done":
        return "ok", f"{what}: {figures} ({scored}{took})"
    of = plural(fields.whole("slices") or 0, "slice")
    word = "cancelled" if outcome == "cancelled" else f"{fields.whole('failed') or 0} of {of} failed"
    done = plural(fields.whole("done") or 0, "slice")
    rest = f"{figures} over the {scored} of {done}" if figures else "nothing was scored"
    return "!!", f"{what}: {word}{after}; {rest}"


def standing(evaluation: EvaluationView, now: float) -> str:
    """How the one that was last asked for stands, for a table of facts."""
    heard = f"{evaluation.done} of {plural(evaluation.slices, 'slice')} done"
    failed = f", {evaluation.failed} failed" if evaluation.failed else ""
    if evaluation.running:
        return f"of step {evaluation.step} under way for {age(now - evaluation.started_at)}: {heard}{failed}"
    figures = _figures(evaluation.metrics) or "nothing was scored"
    ago = "" if evaluation.ended_at is None else f", {age(now - evaluation.ended_at)} ago"
    whole = evaluation.outcome == "done"
    part = "" if whole else f" ({shown(evaluation.outcome, 20)}: {heard}{failed})"
    return f"of step {evaluation.step}: {figures}, {plural(evaluation.scored, 'prompt')}{part}{ago}"


def _figures(found: Mapping[str, float]) -> str:
    names = ("reward/mean", "exact_match")
    return ", ".join(f"{name} {metric(found[name])}" for name in names if name in found)


def _step(fields: Fields) -> str:
    step = fields.whole("step")
    return "?" if step is None else str(step)
