"""How long the parts of a container's start took: pure arithmetic over moments that were noted.

Moments are seconds of one monotonic clock, by name: ``asked`` for, process ``there``, connected
(``hello``), ``released`` (a spare only, forked or not), ``ready`` for an input.
"""

from __future__ import annotations

from collections.abc import Mapping

PHASES = {
    "cold": (("process", "asked", "there"), ("boot", "there", "hello"), ("load", "hello", "ready")),
    "template": (("fork", "asked", "there"), ("boot", "there", "hello"), ("enter", "hello", "ready")),
}
"""By kind of start: what each phase is called, and the moments between which it lies. A cold ``load`` is the
app's import and all its hooks; ``enter`` has the second hooks alone."""
RELEASE = ("release", "released", "ready")
"""All that a spare has still to do, the second hooks too; what it did before cost nobody's time."""


def phases(kind: str, moments: Mapping[str, float]) -> dict[str, int]:
    """Milliseconds of each phase whose two moments are known."""
    parts = [part for part in PHASES.get(kind, ()) if "released" not in moments or part[0] == "fork"]
    if "released" in moments:
        parts.append(RELEASE)
    return {
        name: round((moments[end] - moments[begin]) * 1000)
        for name, begin, end in parts
        if begin in moments and end in moments
    }


def sentence(task_id: str, kind: str, parts: Mapping[str, int]) -> str:
    """For the log of the call."""
    told = ", ".join(f"{name} {milliseconds} ms" for name, milliseconds in parts.items())
    return f"Container {task_id} is a {kind.replace('_', ' ')} start{': ' if told else ''}{told}.\n"
