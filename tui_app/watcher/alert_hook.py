"""The operator's own command for alerts: run by the watcher, so it works with no viewer open.

    hook = AlertHook(["notify-me", "--urgent"], journal, "modal")
    seconds = hook.look()          # told: what was raised, what was cleared, each once

The command is the operator's words, split once and never given to a shell; what a run says reaches it
only as JSON on stdin. It is told of an alert when it is raised, again when a snooze is over, and when
it is cleared; an acknowledged one is not told of. What was told is in the journal, so a watcher that
starts anew repeats nothing. It has TIME_LIMIT_SECONDS; a failure is logged and not tried again.
"""

from __future__ import annotations

import json
import logging
import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any

from remote.vocabulary.events import iso
from tui_app.config import SettingError, load
from tui_app.journal.writer import JournalWriter
from tui_app.state.alert_book import Alert
from tui_app.text_safety import shown

LOOK_SECONDS = 1.0
TIME_LIMIT_SECONDS = 10.0
_TOLD = "alerts_told"
_LOG = logging.getLogger(__name__)


def command_of(flag: str | None) -> list[str]:
    """The command of ``--on-alert``, the environment or config.toml; empty where there is none.
    SettingError."""
    setting = load({"on_alert": flag})["on_alert"]
    try:
        return shlex.split(setting.value)
    except ValueError as error:
        raise SettingError(f"on_alert is {setting.value!r} (from {setting.origin}): {error}") from error


class AlertHook:
    """Runs the command. Used by one thread at a time."""

    def __init__(
        self,
        command: Sequence[str],
        journal: JournalWriter,
        target: str,
        *,
        clock: Callable[[], float] = time.time,
        time_limit: float = TIME_LIMIT_SECONDS,
    ) -> None:
        self._command, self._journal, self._target = list(command), journal, target
        self._clock, self._time_limit = clock, time_limit
        self._told: dict[str, dict[str, Any]] = json.loads(journal.note(_TOLD) or "{}")

    def look(self) -> float:
        """Tell what is new; seconds until the next look is wanted."""
        standing = {
            f"{run}/{alert.rule}": alert
            for run in self._journal.runs()
            for alert in self._journal.alerts(run).active
        }
        for key, told in list(self._told.items()):
            if key not in standing or standing[key].since != told["since"]:
                del self._told[key]
                self._tell({**told["about"], "state": "cleared"})
        for key, alert in standing.items():
            mark = {"since": alert.since, "snoozed_until": alert.snoozed_until}
            told = self._told.get(key, {})
            if alert.is_loud(self._clock()) and any(told.get(name) != value for name, value in mark.items()):
                about = self._about(alert)
                self._told[key] = {**mark, "about": about}
                self._tell({**about, "state": "raised"})
        return LOOK_SECONDS

    def _about(self, alert: Alert) -> dict[str, Any]:
        return {
            "run": alert.run,
            "rule": alert.rule,
            "severity": str(alert.severity),
            "text": shown(alert.text),
            "evidence": shown(alert.evidence),
            "key": alert.key,
            "since": iso(alert.since),
            "target": self._target,
            "host": socket.gethostname(),
        }

    def _tell(self, document: dict[str, Any]) -> None:
        what = f"--on-alert for {document['run']} {document['rule']} {document['state']}"
        try:
            done = subprocess.run(
                self._command,
                input=json.dumps(document).encode() + b"\n",
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=self._time_limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            _LOG.warning("%s: it took more than %g s and was ended", what, self._time_limit)
        except OSError as error:
            _LOG.warning("%s: it could not be run: %s", what, error)
        else:
            if done.returncode:
                words = shown(done.stderr[-500:].decode(errors="replace").strip())
                _LOG.warning("%s: exit status %d: %s", what, done.returncode, words)
        self._journal.set_note(_TOLD, json.dumps(self._told))
