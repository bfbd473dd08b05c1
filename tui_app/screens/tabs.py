"""The other screens about a run, as one table: their keys, what they are for, the command that tells the
same, and where each is built. Nothing of a tab is imported before it is opened."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from tui_app.screens.tab import TabScreen


class Tab(msgspec.Struct, frozen=True):
    """``command`` has a place for the run; ``made_by`` is ``module:Class`` among the screens; ``spare`` is
    left out of the line of tabs where that is too narrow for all."""

    id: str
    key: str
    label: str
    help: str
    command: str
    made_by: str
    needs_run: bool = True
    spare: bool = False


TABS = (
    Tab(
        "rollouts",
        "o",
        "rollouts",
        "what the policy writes",
        "middlewatch logs {run} --json",
        "rollouts:RolloutsScreen",
    ),
    Tab(
        "attempts",
        "a",
        "attempts",
        "causes and evidence",
        "middlewatch show {run} --json",
        "attempts:AttemptsScreen",
    ),
    Tab("volume", "v", "volume", "every checkpoint", "middlewatch show {run} --json", "volume:VolumeScreen"),
    Tab("logs", "l", "logs", "what was printed", "middlewatch logs {run} --container -f", "logs:LogsScreen"),
    Tab("host", "H", "host", "cpu, memory, disk, GPU", "middlewatch logs {run} --json", "host:HostScreen"),
    Tab("eval", "E", "eval", "evaluations by step", "middlewatch evaluate {run}", "evaluations:EvalScreen"),
    Tab("audit", "A", "audit", "who did what", "middlewatch audit {run}", "audit:AuditScreen", False),
    Tab(
        "alerts",
        "!",
        "alerts",
        "what is wrong now",
        "middlewatch alerts {run}",
        "alert_list:AlertsScreen",
        False,
    ),
    Tab(
        "describe",
        "d",
        "describe",
        "facts and config",
        "middlewatch show {run}",
        "describe:DescribeScreen",
        spare=True,
    ),
)
TAB_BY_ID = {tab.id: tab for tab in TABS}


def tab_screen(tab_id: str, run: str | None) -> TabScreen:
    """The screen of this tab, for this run."""
    module, name = TAB_BY_ID[tab_id].made_by.split(":")
    screen: TabScreen = getattr(import_module(f"tui_app.screens.{module}"), name)(run)
    return screen
