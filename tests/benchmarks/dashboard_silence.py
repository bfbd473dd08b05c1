"""How soon a stream that has died is named on the screen: the watcher beats on, the run gives no sign.

The dashboard has two words for it: LATE after 5 seconds, SILENT after 60 (`remote.vocabulary.run_states`).
That it is said at all is due within 10 seconds; each word is due within 10 seconds of when it begins.
The peer presumes a crash after 10 minutes without writes; that is read in its source, not waited for.
"""

from __future__ import annotations

import time

from tests.benchmarks.dashboard_setting import OURS, setting
from tests.benchmarks.pty_replay import Replay
from tests.benchmarks.rows import Row
from tui_app.journal.reader import JournalReader

WATCHED_SECONDS = 66.0
PEER_SECONDS = 600.0


def run() -> list[Row]:
    """When each word appears."""
    with setting() as place:
        place.record("--steps", "300", "--silent")
        with place.terminal(OURS) as terminal:
            reader = JournalReader(place.state / "journal.db")
            (summary,) = reader.views()
            reader.close()
            assert summary.sign_at is not None, "the feeder gave one"
            before = time.time() - terminal.now - summary.sign_at
            terminal.wait(WATCHED_SECONDS)
    replay = Replay(terminal.chunks)
    seen = {
        word: replay.when(lambda rows, word=word: word in " ".join(rows[:3])) for word in ("LATE", "SILENT")
    }  # type: ignore[misc]
    late, silent = (None if at is None else at + before for at in (seen["LATE"], seen["SILENT"]))
    about = "s after the last sign of life"
    return [
        Row(
            name="dashboard_silence/late",
            ours=late,
            peer=PEER_SECONDS,
            unit=about,
            budget="≤ 10",
            ok=late is not None and late <= 10,
            note="the word LATE and its age: death said in words; the peer's 10 min are from its source",
        ),
        Row(
            name="dashboard_silence/silent",
            ours=silent,
            peer=PEER_SECONDS,
            unit=about,
            budget="≤ 70",
            ok=silent is not None and silent <= 70,
            note="the word SILENT: by the vocabulary it begins at 60 s, and is to be seen at most 10 s later",
        ),
    ]
