"""What an evaluation is to be, before anything is called: which step, how many prompts, how many slices.

    plan = planned(view)                          # the newest committed step, 256 prompts, 4 slices
    plan = planned(view, step=80, prompts=1000)   # PlanError names the value and what is allowed
    plan.parts()                                  # [(0, 64), (64, 64), ...]: first prompt and count

The prompts are the run's first held-out ones, so that figures of the same number of prompts compare,
also with the trainer's own. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tui_app.state.view import RunView

PROMPTS, SLICES = 256, 4
MOST_PROMPTS, MOST_SLICES = 65_536, 64
MOST_DIGITS = 9


class PlanError(ValueError):
    """A value that is not allowed, with what is; ``field`` is step, prompts or slices, if one is."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """``slices`` containers score ``prompts`` held-out prompts with the checkpoint of ``step``."""

    step: int
    prompts: int
    slices: int

    def parts(self) -> list[tuple[int, int]]:
        """The first prompt (from 0) and the number of prompts of each slice; they differ by one at most."""
        least, more = divmod(self.prompts, self.slices)
        counts = [least + (number < more) for number in range(self.slices)]
        return [(sum(counts[:number]), count) for number, count in enumerate(counts)]

    @property
    def options(self) -> str:
        """As options of the command line, as far as they are not the usual ones."""
        words = [f"--step {self.step}"]
        words += [f"--prompts {self.prompts}"] if self.prompts != PROMPTS else []
        words += [f"--slices {self.slices}"] if self.slices != min(SLICES, self.prompts) else []
        return " ".join(words)


def planned(
    view: RunView, step: int | None = None, prompts: int | None = None, slices: int | None = None
) -> Plan:
    """The plan with what is left out as by default. PlanError."""
    if not view.committed_step:
        raise PlanError(f"{view.run} has no committed checkpoint yet; an evaluation needs one")
    if step is not None and step < 1:
        raise PlanError(
            f"step is {step}; allowed is a committed step, the newest is {view.committed_step}", "step"
        )
    prompts = PROMPTS if prompts is None else prompts
    if not 1 <= prompts <= MOST_PROMPTS:
        raise PlanError(f"prompts is {prompts}; allowed is 1 to {MOST_PROMPTS}", "prompts")
    most = min(MOST_SLICES, prompts)
    slices = min(SLICES, most) if slices is None else slices
    if not 1 <= slices <= most:
        raise PlanError(f"slices is {slices}; allowed is 1 to {most} with {prompts} prompts", "slices")
    return Plan(step=view.committed_step if step is None else step, prompts=prompts, slices=slices)


def typed(view: RunView, values: Mapping[str, str]) -> Plan:
    """The plan of what was typed under step, prompts and slices. PlanError."""
    numbers = {}
    for field, text in values.items():
        if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS):
            raise PlanError(f"{field} is {text[:20]!r}; allowed is a whole number", field)
        numbers[field] = int(text)
    return planned(view, **numbers)
