"""Which keys a run's records stand under: the layout of the registry and of a run's own table.

Keys are flat strings because the client serialises a key and the server compares the bytes, and a
tuple does not always serialise to the same ones. Numbers are padded so that they read in order.

    middlewatch-registry    runs/<run>                       which runs exist
    middlewatch-run-<run>   spawn/<gen> call/<gen> owner/<gen>   who asked, which call, who carries it out
                            attempts/<n> ends/<n>            an attempt's claim and its last word
                            log/<n>                          the commit log
                            events/<attempt>/<batch> head heartbeat
                            commands/<n> once/<what>
                            evaluations/<id>/<slice>     what a slice of an asked evaluation found
"""

from __future__ import annotations

import re

REGISTRY = "middlewatch-registry"
HEAD = "head"
HEARTBEAT = "heartbeat"
_RUN = re.compile(r"[a-z0-9][a-z0-9-]{0,47}\Z")
_RUNS = "runs/"


def check_run_name(name: str) -> str:
    """``name``, or ValueError naming the allowed form."""
    if not _RUN.match(name):
        raise ValueError(
            f"run name is {name[:80]!r}; allowed are 1 to 48 of a-z, 0-9 and -, not beginning with -"
        )
    return name


def run_table(run: str) -> str:
    """The name of a run's own table."""
    return f"middlewatch-run-{check_run_name(run)}"


def registered(run: str) -> str:
    """In the registry: that the run exists."""
    return _RUNS + run


def registered_run(key: str) -> str | None:
    """The run of a registry key; None for any other key."""
    run = key.removeprefix(_RUNS)
    return run if run != key and _RUN.match(run) else None


def spawn(generation: int) -> str:
    """Who reserved this generation of the run; 1 is the spawn, each resume is the next."""
    return f"spawn/{generation:04d}"


def call(generation: int) -> str:
    """The call that was made for a reservation."""
    return f"call/{generation:04d}"


def owner(generation: int) -> str:
    """The call that carries a generation out, by its own claim."""
    return f"owner/{generation:04d}"


def attempt(number: int) -> str:
    """An attempt's claim of its number."""
    return f"attempts/{number:04d}"


def end(number: int) -> str:
    """An attempt's last word."""
    return f"ends/{number:04d}"


def log(position: int) -> str:
    """A position of the commit log."""
    return f"log/{position:08d}"


def events(attempt: int, batch: int) -> str:
    """A batch of an attempt's event lines."""
    return f"events/{attempt:04d}/{batch:08d}"


def command(number: int) -> str:
    """A command to the trainer."""
    return f"commands/{number:08d}"


def once(what: str) -> str:
    """Something that happens once in the run's life."""
    return f"once/{what}"


def evaluation(evaluation_id: str, number: int) -> str:
    """What slice ``number`` (from 1) of an evaluation that somebody asked for found."""
    return f"evaluations/{evaluation_id}/{number:04d}"
