"""Where the copy for Weights & Biases is said to be is where the trainer writes it."""

import re
from pathlib import Path

import pytest

from remote.training.monitors import PROJECT as TRAINERS_PROJECT
from tui_app.state.mirror import PROJECT, VOLUME, to_sync, where
from tui_app.state.view import RunView

TRAINER_APP = Path(__file__).parents[3] / "remote" / "trainer_app.py"


@pytest.mark.parametrize(
    ("mode", "place", "sync"),
    [
        (
            "offline",
            "offline: volume middlewatch-wandb, directory r7",
            "modal volume get middlewatch-wandb r7 . && wandb sync r7/wandb/offline-run-*",
        ),
        ("online", "online: run r7 of project middlewatch", ""),
        ("disabled", "disabled", ""),
        (None, "", ""),
    ],
)
def test_where_it_is_and_how_it_is_sent_on(mode: str | None, place: str, sync: str) -> None:
    view = RunView(run="r7", config={} if mode is None else {"wandb": mode})
    assert (where(view), to_sync(view, "modal")) == (place, sync)
    assert to_sync(view, "local") == ""


def test_the_names_are_the_trainers() -> None:
    assert PROJECT == TRAINERS_PROJECT
    assert re.search(rf'wandb_volume = modal\.Volume\.from_name\("{VOLUME}"', TRAINER_APP.read_text())
