"""Asking for something: the only way in which a viewer acts.

    intent = submit(locations, Verb.CHECKPOINT, "r7", attempt=2)     # on disk before this returns
    outcome = await_outcome(locations, intent.id)                    # None: not decided in time

The watcher carries it out. The intent names the attempt that it is aimed at, when it expires, and
who asked from where, so that a late or repeated one cannot hit a later attempt. Talks to no network.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from remote.vocabulary.commands import Intent, Outcome, Verb
from tui_app.journal.intents import IntentWriter
from tui_app.journal.reader import JournalMissingError, JournalReader
from tui_app.locations import Locations

TIME_TO_LIVE_SECONDS = 60.0
PATIENCE_SECONDS = 15.0
POLL_SECONDS = 0.1


def submit(
    locations: Locations,
    verb: Verb,
    run: str,
    *,
    attempt: int | None = None,
    args: Mapping[str, Any] | None = None,
    ttl: float = TIME_TO_LIVE_SECONDS,
    clock: Callable[[], float] = time.time,
) -> Intent:
    """Write an intent that expires after ``ttl`` seconds. UnsafeStateError, JournalError, OSError."""
    locations.prepare()
    now = clock()
    intent = Intent(
        id=f"in-{secrets.token_hex(6)}",
        verb=verb,
        run=run,
        attempt=attempt,
        args=dict(args or {}),
        created_at=now,
        expires_at=now + ttl,
        by=operator(),
        host=socket.gethostname(),
    )
    with contextlib.closing(IntentWriter(locations.intents)) as writer:
        writer.write(intent)
    return intent


def await_outcome(
    locations: Locations,
    intent_id: str,
    timeout: float = PATIENCE_SECONDS,
    *,
    mono: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome | None:
    """The final outcome, or None if there is none after ``timeout`` seconds."""
    deadline = mono() + timeout
    while True:
        outcome = look_up(locations, intent_id)
        if outcome is not None and outcome.state.is_final:
            return outcome
        if mono() >= deadline:
            return None
        sleep(POLL_SECONDS)


def look_up(locations: Locations, intent_id: str) -> Outcome | None:
    """What became of an intent so far; None while no watcher has touched it."""
    try:
        reader = JournalReader(locations.journal)
    except JournalMissingError:
        return None
    with contextlib.closing(reader):
        return reader.outcome(intent_id)


def operator() -> str:
    """Who asks: the login name, or the one behind sudo."""
    behind = os.environ.get("SUDO_USER")
    if behind:
        return behind
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
