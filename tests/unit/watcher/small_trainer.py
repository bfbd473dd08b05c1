"""A trainer app without a model: the real claims, events and commands, steps that only take time.

Deployed under the real app's name, so that the watcher finds it by the public client.
"""

import os
import time
import uuid
from typing import Any

import modal

app = modal.App("middlewatch-trainer")
STEP_SECONDS = 0.02


@app.cls(retries=modal.Retries(max_retries=3, initial_delay=1.0), single_use_containers=True)
class Trainer:
    @modal.method()
    def train(self, run: str, config: dict[str, Any], intent: dict[str, Any]) -> str:
        from remote.records import keys
        from remote.records.attempt_claim import claim_attempt, claim_owner
        from remote.records.command_log import CommandReader
        from remote.records.event_log import EventWriter
        from remote.records.tables import ModalTable

        table = ModalTable.open(keys.run_table(run))
        call_id, boot_id = modal.current_function_call_id() or "", uuid.uuid4().hex
        if not claim_owner(table, intent["generation"], call_id):
            return "fenced"
        claim = claim_attempt(
            table,
            generation=intent["generation"],
            boot_id=boot_id,
            call_id=call_id,
            task_id=os.environ["MODAL_TASK_ID"],
            host="box",
            pid=os.getpid(),
            now=time.time(),
        )
        log = EventWriter(table, run, claim.number, boot_id=boot_id, interval=0.05)
        commands = CommandReader(table, claim.number, interval=0.05)
        commands.start()
        log.emit(
            "attempt.claimed",
            call_id=call_id,
            task_id=os.environ["MODAL_TASK_ID"],
            resumed_from=0,
            max_retries=3,
        )
        log.emit("phase.changed", phase="STEPPING")
        ended = {"step": config["steps"], "committed_step": 0}
        for step in range(1, config["steps"] + 1):
            time.sleep(STEP_SECONDS)
            log.emit("step.completed", step=step, of=config["steps"], metrics={"reward/mean": 0.5})
            for command in commands.poll():
                log.emit("command.received", id=command.id, verb=command.verb)
                about = {
                    "id": command.id,
                    "verb": command.verb,
                    "outcome": "done",
                    "detail": f"at step {step}",
                }
                log.emit("command.done", **about)
                if command.verb == "stop":
                    log.emit("attempt.ended", cause="stopped", evidence="asked to", **ended)
                    log.emit("run.ended", state="STOPPED", detail="", **ended)
                    log.close()
                    return "stopped"
        log.emit("attempt.ended", cause="completed", evidence="", **ended)
        log.emit("run.ended", state="SUCCEEDED", detail="", **ended)
        log.close()
        return "succeeded"
