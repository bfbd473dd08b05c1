"""Modal's retry arithmetic as a value.

    RetryPolicy(max_retries=5)                       # 1, 2, 4, 8, 16 s
    RetryPolicy(max_retries=3, initial_delay=0.0)    # at once, three times
    RetryPolicy(max_retries=9, max_delay=10.0)       # 1, 2, 4, 8, 10, 10 ... s
    policy.delay(1)                                  # seconds before the first retry

The four fields, their defaults and limits are those of ``modal.Retries`` (modal 1.6,
``retries.py``); the server waits ``min(initial_delay * backoff_coefficient ** (k - 1), max_delay)``
before retry k. A preemption is not a failure and never uses up a retry.
"""

from __future__ import annotations

import msgspec


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often, and after what delays, a failed attempt is run again."""

    max_retries: int
    backoff_coefficient: float = 2.0
    initial_delay: float = 1.0
    max_delay: float = 60.0

    def __post_init__(self) -> None:
        _check("max_retries", self.max_retries, 0, 100)
        _check("backoff_coefficient", self.backoff_coefficient, 1.0, 10.0)
        _check("initial_delay", self.initial_delay, 0.0, 60.0)
        _check("max_delay", self.max_delay, 1.0, 60.0)

    def delay(self, retry: int) -> float:
        """Seconds between the failure and retry number ``retry`` (the first is 1)."""
        if retry < 1:
            raise ValueError(f"retry is {retry}; the first retry is number 1")
        try:
            return min(self.initial_delay * self.backoff_coefficient ** (retry - 1), self.max_delay)
        except OverflowError:  # a count that somebody else has written
            return self.max_delay

    def gives(self, retry: int, delay: float) -> bool:
        """Whether this policy waits ``delay`` seconds before retry ``retry``; for no other number it does."""
        return 1 <= retry <= self.max_retries and abs(self.delay(retry) - delay) <= 1e-6


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}; allowed is {low} to {high}")
