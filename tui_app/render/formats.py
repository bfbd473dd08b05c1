"""Numbers and durations in the few words that a status line has room for.

    age(0.31), age(12.4), age(75)        # '0.3 s', '12 s', '1 min 15 s'
    compact(12_345), metric(0.71234)     # '12k', '0.712'
    short_age(75)                        # '1m'

Ages are coarse on purpose, those on a live screen (`ago`) more than others: a figure that changes less
often costs less on a slow link. What is None was never reported and is written so, never as 0.
"""

from __future__ import annotations

import math

NOT_REPORTED = "not reported"
NO_REASON = "it gave no reason"
EXACT_SECONDS = 10.0
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def age(seconds: float) -> str:
    """A duration or an age: tenths below one second, seconds below a minute, then two units."""
    seconds = max(0.0, seconds)
    if seconds < 0.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // (24 * 60)} d"


def ago(t: float, now: float) -> str:
    """How long before ``now`` something was at ``t`` (unix seconds), for a live screen: exact below ten
    seconds, then told anew every 5 s and from a minute on every 10 s, all ages at the same moments."""
    since = now - t
    if since < EXACT_SECONDS:
        return age(since)
    return age(_coarse(t, now, EXACT_SECONDS, 5.0) if since < 60 else _coarse(t, now, 60.0, 10.0))


def short_ago(t: float, now: float) -> str:
    """The same in at most four cells."""
    since = now - t
    if not EXACT_SECONDS <= since < 60:
        return short_age(since)
    return short_age(_coarse(t, now, EXACT_SECONDS, 5.0))


def _coarse(t: float, now: float, least: float, step: float) -> float:
    """The age at the last moment at which ages are told anew, every ``step`` seconds; at least ``least``."""
    return max(least, now // step * step - t)


def short_age(seconds: float) -> str:
    """An age in at most four cells: ``0s``, ``59s``, ``12m``, ``47h``, ``9d``."""
    whole = int(max(0.0, seconds))
    for limit, unit, name in ((60, 1, "s"), (3600, 60, "m"), (48 * 3600, 3600, "h")):
        if whole < limit:
            return f"{whole // unit}{name}"
    return f"{whole // 86400}d"


def span(seconds: float) -> str:
    """A measured duration, with the digits that a fast one needs: ``0.04 s``, ``4.2 s``, ``1 min 5 s``."""
    if seconds < 0.0995:
        return f"{max(0.0, seconds):.2f} s"
    return f"{seconds:.1f} s" if seconds < 9.95 else age(seconds)


def countdown(seconds: float) -> str:
    """Whole seconds still to wait, counted so that 0 means over."""
    return f"{max(0, math.ceil(seconds))} s"


def metric(value: float | None) -> str:
    """A metric in at most seven cells: three significant digits, never more than needed."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    size = abs(value)
    if size >= 9999.5:
        return compact(value)
    if size >= 99.95 or value == 0:
        return f"{value:.0f}"
    if size >= 9.995:
        return f"{value:.1f}"
    if size >= 0.9995:
        return f"{value:.2f}"
    return f"{value:.3f}" if size >= 0.00095 else f"{value:.0e}".replace("e-0", "e-")


def compact(value: float | None) -> str:
    """A count in at most five cells: ``950``, ``1.2k``, ``12k``, ``3.4M``."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return metric(value)
    for unit, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        scaled = value / unit
        if abs(scaled) >= 0.9995:
            return f"{scaled:.1f}{name}" if abs(scaled) < 9.95 else f"{scaled:.0f}{name}"
    return f"{value:.0f}"


def size(count: float) -> str:
    """Bytes with a decimal unit: ``812 B``, ``1.2 MB``."""
    if count < 1000:
        return f"{count:.0f} B"
    text = compact(count)
    return f"{text[:-1]} {text[-1]}B"


def plural(count: int, noun: str) -> str:
    """``1 step``, ``2 steps``, ``3 retries``."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") else f"{count} {noun}s"


def numbered(noun: str, first: int | None, last: int | None) -> str:
    """``prompt 7``, ``prompts 65–128``."""
    return f"{noun} {first}" if first == last else f"{noun}s {first}–{last}"


def backoff_formula(delay: float, retry: int, initial: float, coefficient: float, limit: float) -> str:
    """How a delay came to be: ``5 s = 5·2⁰``, or ``60 s, the longest allowed``."""
    if initial * coefficient ** (retry - 1) > limit:
        return f"{delay:g} s, the longest allowed"
    power = str(retry - 1).translate(_SUPERSCRIPT)
    return f"{delay:g} s = {initial:g}·{coefficient:g}{power}"
