"""cloud, deploy, demo, down, doctor: the processes around the runs."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import click

from tui_app.demo import run_demo, stage
from tui_app.doctor import examine
from tui_app.exit_codes import CommandError, ExitCode
from tui_app.locations import TARGETS, Locations
from tui_app.subprocesses import deploy as deploy_app
from tui_app.subprocesses import run_cloud
from tui_app.text_safety import plain_lines, redact
from tui_app.verbs.common import (
    command_name,
    echo,
    echo_json,
    has_terminal,
    json_option,
    locations_of,
    require_size,
    require_target,
    target_option,
)
from tui_app.watcher_launch import stop_watcher


@click.group()
def cloud() -> None:
    """The local cloud: a daemon on this machine that speaks Modal's protocol."""


@cloud.command()
def up() -> ExitCode:
    """Start it, if it does not run."""
    return _pass_on("up")


@cloud.command()
@json_option
def status(as_json: bool) -> ExitCode:
    """Say what it is doing."""
    return _pass_on("status", *(["--json"] if as_json else []))


@cloud.command("down")
def cloud_down() -> ExitCode:
    """Stop it and its containers. What is committed stays."""
    return _pass_on("down")


@cloud.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def fault(words: tuple[str, ...]) -> ExitCode:
    """Let something go wrong on purpose; --help lists what."""
    return _pass_on("fault", *(words or ("--help",)))


def _pass_on(*arguments: str) -> ExitCode:
    done = run_cloud(*arguments)
    echo(plain_lines(redact(done.stdout.rstrip("\n"))) if done.stdout.strip() else [])
    if done.returncode and done.stderr.strip():
        code = ExitCode.UNREACHABLE if done.returncode == ExitCode.UNREACHABLE else ExitCode.ERROR
        raise CommandError(" ".join(plain_lines(redact(done.stderr.strip()))[-1:]), code)
    return ExitCode(done.returncode) if done.returncode in set(ExitCode) else ExitCode.ERROR


@click.command()
@target_option
def deploy(target: str | None) -> ExitCode:
    """Deploy the trainer app to the target."""
    locations = locations_of(target)
    require_target(locations)
    locations.prepare()
    with stage(sys.stderr, "deploying the trainer app"):
        printed = deploy_app(locations, locations.target)
    echo([line for line in plain_lines(redact(printed)) if line.strip()])
    return ExitCode.OK


@click.command()
@click.option("--plain", is_flag=True, help="Plain lines, even with a terminal.")
@click.option("--no-drill", is_flag=True, help="Without the three faults on purpose.")
def demo(plain: bool, no_drill: bool) -> ExitCode:
    """Everything at once: local cloud, trainer app, a real run, and the dashboard on it."""
    terminal = has_terminal() and not plain
    if terminal:
        require_size()
    signal.signal(signal.SIGTERM, _terminated)
    locations = Locations.of("local")
    locations.prepare()
    return run_demo(locations, sys.stdout, terminal=terminal, drill=not no_drill, command=command_name())


def _terminated(number: int, frame: FrameType | None) -> None:
    """Leave by the same way as Ctrl-C, which stops what was started."""
    raise KeyboardInterrupt


@click.command()
def down() -> ExitCode:
    """Stop every process that Middlewatch started: the watchers and the local cloud."""
    for target in TARGETS:
        stopped = stop_watcher(Locations.of(target))
        echo([f"watcher ({target}) {'stopped' if stopped else 'was not running'}"])
    return _pass_on("down")


@click.command()
@json_option
@target_option
def doctor(as_json: bool, target: str | None) -> ExitCode:
    """Say what is here and what is wrong, each with its remedy."""
    checks = examine(locations_of(target), target)
    if as_json:
        echo_json({"checks": [check.to_json() for check in checks], "ok": all(not c.is_bad for c in checks)})
    else:
        width = max(len(check.name) for check in checks)
        echo([f"{check.mark:<2}  {check.name:<{width}}  {check.detail}" for check in checks])
    return ExitCode.ERROR if any(check.is_bad for check in checks) else ExitCode.OK
