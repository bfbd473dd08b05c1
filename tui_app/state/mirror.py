"""Where a run's copy for Weights & Biases is, and how an offline one is sent on. Pure.

    where(view)       # 'offline: volume middlewatch-wandb, directory r7'
    to_sync(view, "modal")     # 'modal volume get … && wandb sync …'; empty for the local cloud

The trainer writes the mirror below a directory of the run's name on a volume of its own; with ``online``
it goes to the operator's own account as run ``r7`` of project ``middlewatch``, whose link only W&B knows.
"""

from __future__ import annotations

from tui_app.state.view import RunView

VOLUME, PROJECT = "middlewatch-wandb", "middlewatch"


def where(view: RunView) -> str:
    """One phrase; empty where the run does not say."""
    mode = view.config.get("wandb")
    if mode == "offline":
        return f"offline: volume {VOLUME}, directory {view.run}"
    if mode == "online":
        return f"online: run {view.run} of project {PROJECT}"
    return "disabled" if mode == "disabled" else ""


def to_sync(view: RunView, target: str) -> str:
    """The commands that send an offline mirror on; empty where there is none, and for the local cloud,
    whose volumes the operator's own ``modal`` command does not see."""
    if view.config.get("wandb") != "offline" or target != "modal":
        return ""
    return f"modal volume get {VOLUME} {view.run} . && wandb sync {view.run}/wandb/offline-run-*"
