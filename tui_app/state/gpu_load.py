"""What the GPUs of a run are doing, by the newest sample of its host.

    view.gpu_load.gpus[3].utilisation      # percent, None where that GPU did not tell

A host without a driver sends no list: then nothing was sampled, which is not the same as an idle GPU. The
newest sample is that of the highest attempt, and of that the latest; order of arrival does not matter.
Pure; it says nothing about how many GPUs were asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from remote.vocabulary.events import Event
from tui_app.state.fields import Fields

if TYPE_CHECKING:
    from tui_app.state.view import RunView

MOST_GPUS = 64


class GpuUse(msgspec.Struct, frozen=True):
    """One GPU: ``memory`` bytes in use, ``utilisation`` percent; None is not reported."""

    memory: float | None
    utilisation: float | None


class GpuLoad(msgspec.Struct, frozen=True, kw_only=True):
    """Every GPU of an attempt's host at ``t`` (unix seconds, the trainer's clock), at least one."""

    attempt: int
    t: float
    gpus: tuple[GpuUse, ...]


def host_sampled(view: RunView, event: Event, fields: Fields) -> RunView:
    """The view with this sample, if it tells of GPUs and none is newer."""
    known = view.gpu_load
    if known is not None and (event.attempt, event.t) < (known.attempt, known.t):
        return view
    told = [Fields(item) for item in fields.items("gpu")[:MOST_GPUS]]
    if not told or event.attempt < 1:
        return view
    gpus = tuple(GpuUse(each.real("memory"), each.real("utilisation")) for each in told)
    return msgspec.structs.replace(view, gpu_load=GpuLoad(attempt=event.attempt, t=event.t, gpus=gpus))
