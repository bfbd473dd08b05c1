"""A rehearsal's shorter waits: ``LOCAL_CLOUD_TIME_SCALE`` in the daemon's environment.

It scales the delays before retries that the cloud makes, and the grace of a preemption or a cancel
where none was asked for. Nothing else: not timeouts, not the growing delay after crashes, and not the
delays of a client that retries by itself.
"""

from __future__ import annotations

import os


def time_scale() -> float:
    """The factor, 1 where none or none above zero is set."""
    try:
        factor = float(os.environ.get("LOCAL_CLOUD_TIME_SCALE", "1"))
    except ValueError:
        return 1.0
    return factor if factor > 0 else 1.0
