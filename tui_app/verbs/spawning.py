"""spawn: from options and a file to a checked config, and to a run that has its call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from remote.vocabulary.commands import Verb
from remote.vocabulary.run_config import DEMO_DRILLS, ConfigError, Drill, RunConfig
from tui_app.demo import deploying, next_name
from tui_app.exit_codes import CommandError, ExitCode
from tui_app.run_fields import CONFIG_FIELDS, DRILLS, FIELDS, Field, Kind
from tui_app.subprocesses import ensure_deployed
from tui_app.text_safety import shown
from tui_app.verbs.asking import ask, bring_up, follow_option, follow_run, taken_names
from tui_app.verbs.common import checked_name, json_option, locations_of, target_option

_TYPES = {Kind.TEXT: str, Kind.WHOLE: int, Kind.REAL: float}
_Command = TypeVar("_Command", bound=Callable[..., Any])


def field_options(command: _Command) -> _Command:
    """An option for each field of the form, in its order."""
    for field in reversed(FIELDS.values()):
        command = _option(field)(command)
    return command


def _option(field: Field) -> Callable[[_Command], _Command]:
    if field.kind is Kind.FLAG:
        names = f"{field.flag}/{field.flag.replace('--', '--no-', 1)}"
        return click.option(names, field.id, default=None, help=field.help)
    if field.kind is Kind.STEPS:
        return click.option(field.flag, field.id, type=int, multiple=True, help=field.help)
    return click.option(field.flag, field.id, type=_TYPES[field.kind], metavar=field.metavar, help=field.help)


@click.command()
@field_options
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path), help="JSON with any field of a run's config."
)
@click.option("--plain", is_flag=True, help="The same as --follow.")
@follow_option
@json_option
@target_option
def spawn(
    config_path: Path | None,
    plain: bool,
    following: bool,
    as_json: bool,
    target: str | None,
    **options: Any,
) -> ExitCode:
    """Start a new run. Options left out are as in --config, else as by default."""
    name = options.pop("run")
    locations = locations_of(target)
    config = config_from(_read_config(config_path), options)
    run = checked_name(name) if name is not None else None
    bring_up(locations)
    if locations.target == "local":
        with deploying(sys.stderr) as on_start:
            ensure_deployed(locations, on_start)
    taken = taken_names(locations)
    if run is None:
        run = next_name(taken, config.task)
    elif run in taken:
        raise CommandError(
            f"run is {run!r}, which exists already; free is {next_name(taken, run)!r}", ExitCode.REFUSED
        )
    code = ask(locations, Verb.SPAWN, run, as_json=as_json, args={"config": config.to_json()})
    return follow_run(locations, run) if code is ExitCode.OK and (following or plain) else code


def config_from(base: Mapping[str, Any], options: Mapping[str, Any]) -> RunConfig:
    """The checked config of a file's fields and the command line's. CommandError."""
    drills = [Drill(kind, step) for name, kind in DRILLS.items() for step in options.get(name, ())]
    if options.get("drill"):
        drills += DEMO_DRILLS
    given = {f.id: options[f.id] for f in CONFIG_FIELDS if options.get(f.id) is not None}
    fields = {**base, **given}
    if drills:
        fields["drills"] = [msgspec.to_builtins(drill) for drill in drills]
    try:
        return RunConfig.from_json(fields)
    except ConfigError as error:
        message = error.allowed if error.field == "config" else str(error)
        raise CommandError(f"config: {shown(message)}", ExitCode.USAGE) from error


def _read_config(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise CommandError(f"config is {str(path)!r}: {error.strerror}", ExitCode.USAGE) from error
    except msgspec.MsgspecError as error:
        raise CommandError(
            f"config is {str(path)!r}, which is no JSON object: {error}", ExitCode.USAGE
        ) from error
