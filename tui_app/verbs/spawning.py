"""spawn: from options and a file to a checked config, and to a run that has its call."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from remote.vocabulary.commands import Verb
from remote.vocabulary.run_config import (
    DEMO_DRILLS,
    TASKS,
    WANDB_MODES,
    ConfigError,
    Drill,
    DrillKind,
    RunConfig,
)
from tui_app.demo import deploying, next_name
from tui_app.exit_codes import CommandError, ExitCode
from tui_app.subprocesses import ensure_deployed
from tui_app.text_safety import shown
from tui_app.verbs.asking import ask, bring_up, follow_option, follow_run, taken_names
from tui_app.verbs.common import checked_name, json_option, locations_of, target_option


@click.command()
@click.option("--name", help="Name of the run (default: the task's, numbered).")
@click.option("--task", metavar="|".join(TASKS), help="What is learned.")
@click.option("--steps", type=int, help="Optimiser steps.")
@click.option("--seed", type=int)
@click.option("--model", help="tiny-llama, or a Hugging Face name or path.")
@click.option("--gpu", help="Type and count, such as H100:8.")
@click.option("--checkpoint-interval", type=int, help="Steps between committed checkpoints.")
@click.option("--max-retries", type=int)
@click.option("--grace-seconds", type=float, help="Between the interrupt and the kill.")
@click.option("--wandb", metavar="|".join(WANDB_MODES))
@click.option("--fail-at-step", type=int, multiple=True, help="Raise once at the end of this step.")
@click.option("--preempt-at-step", type=int, multiple=True, help="Be interrupted once, too fast to save.")
@click.option("--fail-commit-at-step", type=int, multiple=True, help="Let a commit fail once.")
@click.option("--drill", is_flag=True, help="The demo's three faults.")
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path), help="JSON with any field of a run's config."
)
@click.option("--plain", is_flag=True, help="The same as --follow.")
@follow_option
@json_option
@target_option
def spawn(
    name: str | None,
    config_path: Path | None,
    plain: bool,
    following: bool,
    as_json: bool,
    target: str | None,
    **options: Any,
) -> ExitCode:
    """Start a new run."""
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
    drills = [Drill(DrillKind.EXCEPTION, step) for step in options.get("fail_at_step", ())]
    drills += [Drill(DrillKind.PREEMPT, step) for step in options.get("preempt_at_step", ())]
    drills += [Drill(DrillKind.COMMIT_FAILURE, step) for step in options.get("fail_commit_at_step", ())]
    if options.get("drill"):
        drills += DEMO_DRILLS
    names = (
        "task",
        "steps",
        "seed",
        "model",
        "gpu",
        "checkpoint_interval",
        "max_retries",
        "grace_seconds",
        "wandb",
    )
    fields = {**base, **{name: options[name] for name in names if options.get(name) is not None}}
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
