"""``python evaluation_client.py TASK.json``: one thing done to the cloud that the environment names, by the
public client, and its outcome as one line of JSON.

    {"do": "score", "run": "r", "count": 24}      the scores of the first held-out prompts, by one container
    {"do": "cancel", "call": "fc-…"}              end a call behind everybody's back
    {"do": "kill", "call": "fc-…"}                let containers start, and kill the one that gets the call
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import modal

from remote.trainer_app import APP_NAME
from remote.training.evaluation import held_out

PATIENCE_SECONDS = 60.0


def score(task: dict[str, Any]) -> dict[str, Any]:
    trainer = modal.Cls.from_name(APP_NAME, "Trainer")()
    return dict(trainer.evaluate.remote(task["run"], list(held_out(task["count"]))))


def cancel(task: dict[str, Any]) -> dict[str, Any]:
    modal.FunctionCall.from_id(task["call"]).cancel(terminate_containers=True)
    return {}


def kill(task: dict[str, Any]) -> dict[str, Any]:
    call, deadline = modal.FunctionCall.from_id(task["call"]), time.monotonic() + PATIENCE_SECONDS
    _fault("clear")
    while not (container := call.get_call_graph()[0].task_id):
        assert time.monotonic() < deadline, "no container got the call"
        time.sleep(0.02)
    _fault("kill", container)
    return {"killed": container}


def _fault(*words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "remote.local_cloud", "fault", *words], check=True, capture_output=True
    )


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps({"score": score, "cancel": cancel, "kill": kill}[asked["do"]](asked)))
