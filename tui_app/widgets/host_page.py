"""The machine under a run: processor, memory, disk and GPUs over the newest samples. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from tui_app.render.formats import ago, metric, size
from tui_app.render.glyphs import sparkline
from tui_app.render.spans import Line, fit
from tui_app.widgets.records import HostSample

KEPT = 2000
LABEL, NOW, RANGE = 14, 10, 22
HEAD: Line = [(f" {'':<{LABEL}}{'now':<{NOW}}{'lowest – highest':<{RANGE}}newest samples", "quiet")]
NOTHING = "not reported yet; an attempt samples its host every few seconds"


def host_rows(samples: Sequence[HostSample], cells: int, nothing: str, *, ascii_art: bool) -> list[Line]:
    """A line a figure, with its range and its course; ``nothing`` where there is no sample."""
    if not samples:
        return [[(f"  {nothing}", "quiet")]]
    newest = samples[-1]
    rows = [
        _figure("cpu", [s.cpu for s in samples], "%", cells, ascii_art),
        _figure("memory", [s.rss for s in samples], "B", cells, ascii_art),
        _figure("disk free", [s.disk_free for s in samples], "B", cells, ascii_art),
    ]
    for index, gpu in enumerate(newest.gpus):
        both = [s.gpus[index] if index < len(s.gpus) else None for s in samples]
        rows += [
            [],
            [(f" GPU {index} ", "strong"), (gpu.name or "name not reported", "quiet")],
            _figure("memory", [g.memory if g else None for g in both], "B", cells, ascii_art),
            _figure("utilisation", [g.utilisation if g else None for g in both], "%", cells, ascii_art),
        ]
    if not newest.gpus:
        rows += [[], [(" no GPU was reported by this host", "quiet")]]
    return rows


def host_age(samples: Sequence[HostSample], now: float) -> str:
    """``attempt 2 · sampled 3 s ago``."""
    if not samples:
        return ""
    return f"attempt {samples[-1].attempt} · sampled {ago(samples[-1].t, now)} ago"


def _figure(label: str, values: Sequence[float | None], unit: str, cells: int, ascii_art: bool) -> Line:
    known = [value for value in values if value is not None]
    line = fit([(f" {label}", "text")], LABEL + 1)
    if not known:
        return [*line, ("not reported", "quiet")]

    def words(value: float) -> str:
        return size(value) if unit == "B" else f"{metric(value)} {unit}"

    newest = values[-1]
    line += fit([("–" if newest is None else words(newest), "strong")], NOW)
    line += fit([(f"{words(min(known))} – {words(max(known))}", "quiet")], RANGE)
    tail = values[-max(1, cells - LABEL - NOW - RANGE - 2) :]
    low = 0.0 if unit == "%" else min(known)
    top = max(100.0, *known) if unit == "%" and label == "utilisation" else max(known)
    return [*line, (sparkline(tail, low, top, ascii_art=ascii_art), "spark")]
