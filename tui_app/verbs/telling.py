"""triage, export, audit: what is recorded, for other people and other programs."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from remote.vocabulary.events import Event, encode, iso
from tui_app.audit import Deed, deeds
from tui_app.exit_codes import CommandError, ExitCode
from tui_app.journal.intents import IntentReader
from tui_app.journal.reader import JournalReader
from tui_app.listing import columns, seen
from tui_app.render.formats import age
from tui_app.sentences import sentence
from tui_app.state.fields import Fields
from tui_app.text_safety import shown
from tui_app.triage import triage as triage_lines
from tui_app.verbs.common import (
    echo,
    echo_json,
    journal,
    json_option,
    known_run,
    locations_of,
    now,
    run_argument,
    status_of,
    target_option,
    with_target,
)

BATCH = 1000
FORMATS = ("jsonl", "csv")
_TAIL_EVENTS = 400
_ROUTINE = frozenset(
    {"step.completed", "checkpoint.saved", "checkpoint.deleted", "phase.changed", "intent.sent"}
)


@click.command()
@run_argument()
@target_option
def triage(run: str, target: str | None) -> ExitCode:
    """RUN in at most 15 Markdown lines to paste: what is wrong, what is safe, what to do next."""
    locations = locations_of(target)
    summary, moment = known_run(locations, run), now()
    with journal(locations) as reader:
        assert reader is not None, "the run is known from it"
        status, _ = status_of(locations, reader)
        standing = reader.alerts(run)
        rows = reader.events(run, after_row=max(0, summary.row_id - _TAIL_EVENTS), limit=_TAIL_EVENTS)
    last = []
    for row in rows:
        line = sentence(row.event, summary.view) if row.event.type not in _ROUTINE else None
        if line is not None:
            last.append(f"{iso(row.event.t)[11:19]} {line.mark} {line.text}")
    heard = seen(summary, status, moment)
    command = with_target(locations)
    echo(triage_lines(summary.view, standing, heard=heard, now=moment, command=command, last=last))
    return ExitCode.OK


@click.command()
@run_argument()
@click.option("--format", "form", metavar="|".join(FORMATS), default="jsonl", help="Default: jsonl.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file (default: stdout).")
@target_option
def export(run: str, form: str, output: Path | None, target: str | None) -> ExitCode:
    """All events of RUN as JSON Lines, or its steps as CSV."""
    if form not in FORMATS:
        allowed = " or ".join(FORMATS)
        raise CommandError(f"--format is {shown(form, 40)!r}; allowed is {allowed}", ExitCode.USAGE)
    locations = locations_of(target)
    known_run(locations, run)
    with journal(locations) as reader, _opened(output) as out:
        assert reader is not None, "the run is known from it"
        count = _write_lines(reader, run, out) if form == "jsonl" else _write_steps(reader, run, out)
    if output is not None:
        what = "events" if form == "jsonl" else "steps"
        echo([f"{count} {what} of {run} in {output}"])
    return ExitCode.OK


@contextlib.contextmanager
def _opened(path: Path | None) -> Iterator[TextIO]:
    """stdout, or a file that is there as a whole or not at all. CommandError."""
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}", ExitCode.ERROR) from error
    finally:
        part.unlink(missing_ok=True)


def _events(reader: JournalReader, run: str, *types: str) -> Iterator[Event]:
    row = 0
    while rows := reader.events(run, after_row=row, limit=BATCH, types=types or None):
        row = rows[-1].row_id
        yield from (each.event for each in rows)


def _write_lines(reader: JournalReader, run: str, out: TextIO) -> int:
    count = 0
    for event in _events(reader, run):
        out.write(json.dumps(json.loads(encode(event)), separators=(",", ":")) + "\n")
        count += 1
    return count


def _write_steps(reader: JournalReader, run: str, out: TextIO) -> int:
    names: dict[str, None] = {}
    for event in _events(reader, run, "step.completed"):
        names.update(dict.fromkeys(Fields(event.data).metrics()))
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["run", "attempt", "step", "t", *names])
    count = 0
    for event in _events(reader, run, "step.completed"):
        fields = Fields(event.data)
        metrics = fields.metrics()
        values = [repr(metrics[name]) if name in metrics else "" for name in names]
        writer.writerow([event.run, event.attempt, fields.whole("step"), iso(event.t), *values])
        count += 1
    return count


@click.command()
@run_argument(required=False)
@json_option
@target_option
def audit(run: str | None, as_json: bool, target: str | None) -> ExitCode:
    """Who asked for what, from where, and what became of it; colleagues' doings on other hosts too."""
    locations = locations_of(target)
    if run is not None:
        known_run(locations, run)
    with journal(locations) as reader, contextlib.closing(IntentReader(locations.intents)) as intents:
        asked = [intent for _, intent in intents.read(limit=-1)]
        found = deeds(reader, asked, run) if reader is not None else []
    if as_json:
        echo_json({"target": locations.target, "deeds": [_document(deed) for deed in found]})
    elif found:
        rows = [("WHEN", "WHO", "VERB", "RUN", "ATTEMPT", "OUTCOME", "DETAIL")]
        echo(columns([*rows, *(_deed_row(deed, now()) for deed in found)]))
    else:
        echo([f"nothing has been asked of {run or 'any run of target ' + locations.target}"])
    return ExitCode.OK


def _document(deed: Deed) -> dict[str, object]:
    return {
        "id": deed.id,
        "t": iso(deed.t),
        "by": deed.by,
        "host": deed.host,
        "verb": deed.verb,
        "run": deed.run,
        "attempt": deed.attempt,
        "outcome": deed.outcome,
        "detail": deed.detail,
        "ours": deed.ours,
    }


def _deed_row(deed: Deed, moment: float) -> tuple[str, ...]:
    who = f"{shown(deed.by, 32)}@{shown(deed.host, 48)}"
    attempt = str(deed.attempt) if deed.attempt else "-"
    when = f"{iso(deed.t)[:19]}Z ({age(moment - deed.t)} ago)"
    what = (shown(deed.verb, 20), shown(deed.run, 48), attempt, shown(deed.outcome, 20))
    return (when, who, *what, shown(deed.detail, 160))
