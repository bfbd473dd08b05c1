"""The GPUs in the column beside the charts: asked for and present, memory and utilisation, what they cost.

Of several GPUs each has its own number where those fit, else its own bar and all of them their range, so
that one that idles is seen at any width. What was not sampled is not reported, never 0. Pure text.
"""

from __future__ import annotations

from collections.abc import Sequence

from tui_app.render.formats import NOT_REPORTED, compact
from tui_app.render.glyphs import sparkline
from tui_app.render.spans import Line, rule, width
from tui_app.state.cost import Cost, gpu_time, so_far
from tui_app.state.gpu_load import GpuLoad
from tui_app.state.levels import Level
from tui_app.state.view import RunView
from tui_app.text_safety import plain
from tui_app.widgets.panel import LABEL_CELLS, Panel, fact
from tui_app.widgets.sight import Sight, nothing_yet

SHORT_LABEL_CELLS = 5
FRESH_SECONDS = 10.0
"""Below it a sample is as new as samples are: the host is asked every few seconds."""
Values = Sequence[float | None]


def gpu(sight: Sight, cells: int, *, ascii_art: bool = False) -> Panel:
    """Requested and present, what they do, what they have cost; a CPU demo is a fact, not a fault. Where
    GPUs work they come before what other panels may leave out."""
    view, load = sight.view, newest_load(sight.view)
    asked = plain(view.gpu_requested or "", 40) or ("none" if view.level is Level.OWN else NOT_REPORTED)
    present = "not reported yet" if view.gpu_count is None else str(view.gpu_count)
    right: Line = [("CPU demo", "quiet")] if view.cpu_demo else []
    use = [] if load is None else usage(load, cells, ascii_art=ascii_art)
    facts = [fact("requested", asked), fact("present", present)]
    if load is not None:
        fresh = sight.now - load.t < FRESH_SECONDS
        right = [("under 10 s ago" if fresh else f"{sight.ago(load.t)} ago", "quiet")]
        must, extra = use, facts
    else:
        unsaid = NOT_REPORTED if view.cpu_demo else nothing_yet(sight, "not reported yet")
        must, extra = facts[:1], [*facts[1:], fact("memory, use", unsaid)]
    extra += _spent(so_far(view, sight.now, sight.prices), cells)
    first = load is not None and not view.state.is_terminal
    return Panel(rule([("gpu", "strong")], right, cells), must, extra, first=first)


def newest_load(view: RunView) -> GpuLoad | None:
    """What the newest attempt's GPUs do; None where it has not told, whatever an earlier one told."""
    load, newest = view.gpu_load, view.attempt
    return load if load is not None and newest is not None and load.attempt == newest.number else None


def usage(load: GpuLoad, cells: int, *, ascii_art: bool = False) -> list[Line]:
    """Utilisation and memory, a line each, every GPU in its order."""
    memory = [each.memory for each in load.gpus]
    used = [each.utilisation for each in load.gpus]
    return [
        _line(("utilisation", "use"), used, 1.0, "%", 100.0, cells, ascii_art),
        _line(("memory", "mem"), memory, *_unit(memory), max(_known(memory), default=0.0), cells, ascii_art),
    ]


def _unit(values: Values) -> tuple[float, str]:
    """The unit of the largest value."""
    return (1e9, "GB") if max(_known(values), default=0.0) >= 0.9995e9 else (1e6, "MB")


def _known(values: Values) -> list[float]:
    return [value for value in values if value is not None]


def _line(
    labels: tuple[str, str], values: Values, scale: float, unit: str, top: float, cells: int, ascii_art: bool
) -> Line:
    if not _known(values):
        return fact(labels[0], NOT_REPORTED)
    texts = ["–" if value is None else compact(value / scale) for value in values]
    if len(texts) == 1:
        return fact(labels[0], f"{texts[0]} {unit}")
    for label, room in zip(labels, (LABEL_CELLS, SHORT_LABEL_CELLS), strict=True):
        line: Line = [
            (label.ljust(room - 1), "quiet"),
            ("".join(f"{t:>4}" for t in texts), "text"),
            (f" {unit}", "quiet"),
        ]
        if width(line) <= cells:
            return line
    return _bars(labels, values, scale, unit, top, cells, ascii_art)


def _bars(
    labels: tuple[str, str], values: Values, scale: float, unit: str, top: float, cells: int, ascii_art: bool
) -> Line:
    """A bar a GPU, ``?`` for one that did not tell, and the range of all."""
    bars = sparkline(values, 0.0, top, ascii_art=ascii_art).replace(" ", "?")
    low, high = (compact(bound(_known(values)) / scale) for bound in (min, max))
    reach = f"{low if low == high else f'{low}–{high}'} {unit}"
    roomy = LABEL_CELLS + len(bars) + 1 + len(reach) <= cells
    label = labels[0].ljust(LABEL_CELLS) if roomy else labels[1].ljust(SHORT_LABEL_CELLS)
    return [(label, "quiet"), (bars, "spark"), (f" {reach}", "text")]


def _spent(cost: Cost, cells: int) -> list[Line]:
    """Money and GPU time; without a price, that it is missing and where it belongs."""
    if not cost.is_something or cost.seconds is None:
        return []
    if cost.paid:
        return [fact("cost", cost.words)]
    told = f"no price for {cost.gpu} ({'config: ' if cells >= 44 else ''}[prices])"
    return [fact("GPU time", gpu_time(cost.seconds)), [("cost: ", "quiet"), (told, "quiet")]]
