"""list, show, logs: what is recorded, from the journal alone, watcher or not."""

from __future__ import annotations

import json
import time

import click

from remote.vocabulary.events import Event, encode
from tui_app.demo import tend
from tui_app.documents import run_document, watcher_document
from tui_app.exit_codes import ExitCode
from tui_app.journal.reader import JournalReader, LogRow
from tui_app.listing import run_lines, run_table, watcher_line
from tui_app.locations import Locations
from tui_app.plain import POLL_SECONDS
from tui_app.sentences import sentence
from tui_app.state.fold import fold
from tui_app.state.view import RunView
from tui_app.text_safety import shown
from tui_app.verbs.common import (
    command_name,
    echo,
    echo_json,
    journal,
    json_option,
    known_run,
    locations_of,
    now,
    prices_of,
    run_argument,
    status_of,
    target_option,
    with_target,
)


@click.command("list")
@json_option
@target_option
def list_(as_json: bool, target: str | None) -> ExitCode:
    """Every run that is known, newest first, with the age of what is shown."""
    list_runs(locations_of(target), as_json=as_json)
    return ExitCode.OK


def list_runs(locations: Locations, *, as_json: bool) -> None:
    """Print every run, and how the watcher is."""
    with journal(locations) as reader:
        summaries = reader.views() if reader is not None else []
        status, running = status_of(locations, reader)
    moment = now()
    if as_json:
        documents = [run_document(each, status, moment, target=locations.target) for each in summaries]
        watcher = watcher_document(status, moment, running=running)
        return echo_json({"target": locations.target, "watcher": watcher, "runs": documents})
    if summaries:
        echo(run_table(summaries, status, moment))
    else:
        echo([f"no run has been recorded for target {locations.target}; start one: {command_name()} spawn"])
    echo([watcher_line(status, moment, running=running, command=with_target(locations))])


@click.command()
@run_argument()
@json_option
@target_option
def show(run: str, as_json: bool, target: str | None) -> ExitCode:
    """Everything about RUN: state, attempts, commits, counters. Needs no watcher and no cloud."""
    locations = locations_of(target)
    summary = known_run(locations, run)
    with journal(locations) as reader:
        status, running = status_of(locations, reader)
        undecodable = reader.undecodable(run) if reader is not None else 0
    moment = now()
    if as_json:
        document = run_document(
            summary, status, moment, target=locations.target, undecodable=undecodable, prices=prices_of()
        )
        echo_json({**document, "watcher": watcher_document(status, moment, running=running)})
    else:
        echo(run_lines(summary, status, moment, prices_of()))
        echo(["", watcher_line(status, moment, running=running, command=with_target(locations))])
    return ExitCode.OK


@click.command()
@run_argument()
@click.option("-f", "--follow", "following", is_flag=True, help="Go on until the run has ended.")
@click.option("--container", is_flag=True, help="What the containers printed, instead of events.")
@json_option
@target_option
def logs(run: str, following: bool, container: bool, as_json: bool, target: str | None) -> ExitCode:
    """The events of RUN, oldest first. With --json each line is one event as it was recorded."""
    locations = locations_of(target)
    known_run(locations, run)
    printer = _ContainerPrinter(run, as_json) if container else _EventPrinter(run, as_json)
    with journal(locations) as reader:
        assert reader is not None, "the run is known from it"
        looked = 0
        while printer.take(reader) or (following and not _is_over(reader, run)):
            looked += 1
            if looked % 50 == 0:
                tend(locations)
            if not printer.found:
                time.sleep(POLL_SECONDS)
        printer.take(reader)
    return ExitCode.OK


def _is_over(reader: JournalReader, run: str) -> bool:
    summary = reader.view(run)
    return summary is None or summary.view.state.is_terminal


class _EventPrinter:
    """Prints each event once, in order of arrival."""

    def __init__(self, run: str, as_json: bool) -> None:
        self._view, self._as_json, self._row = RunView(run=run), as_json, 0
        self.found = False

    def take(self, reader: JournalReader) -> bool:
        """Print what is new; whether there was any."""
        rows = reader.events(self._view.run, after_row=self._row)
        for row in rows:
            self._row = row.row_id
            self._view = fold(self._view, row.event)
            echo(self._lines(row.event))
        self.found = bool(rows)
        return self.found

    def _lines(self, event: Event) -> list[str]:
        if self._as_json:
            return [json.dumps(json.loads(encode(event)), separators=(",", ":"))]
        line = sentence(event, self._view)
        if line is None:
            return []
        return [f"{_clock(event.t)}  {event.attempt:>2}  {line.mark:<2}  {line.text}"]


class _ContainerPrinter:
    """Prints each line of container output once; it may itself be a repeat, and says so."""

    def __init__(self, run: str, as_json: bool) -> None:
        self._run, self._as_json, self._after = run, as_json, 0
        self.found = False

    def take(self, reader: JournalReader) -> bool:
        """Print what is new; whether there was any."""
        rows = reader.logs(self._run, after=self._after)
        for row in rows:
            self._after = row.log_id
            if self._as_json:
                echo_json(_log_document(row))
            else:
                repeat = " (possible repeat)" if row.line.possible_repeat else ""
                echo([f"{_clock(row.line.t)}  {shown(row.line.fd, 8):<6}  {shown(row.line.text)}{repeat}"])
        self.found = bool(rows)
        return self.found


def _log_document(row: LogRow) -> dict[str, object]:
    line = row.line
    return {"t": line.t, "fd": line.fd, "text": line.text, "possible_repeat": line.possible_repeat}


def _clock(t: float) -> str:
    try:
        return time.strftime("%H:%M:%S", time.localtime(t))
    except (OverflowError, ValueError, OSError):
        return "--:--:--"
