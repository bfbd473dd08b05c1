"""What a run has cost and what a kill would cost now, in GPU time and, where a price is known, in money.

    prices = Prices({"H100": 3.5}, "USD")        # an hour of one GPU, as the operator configured it
    so_far(view, now, prices).words              # '12.25 USD · 3.5 GPU h'
    at_stake(view, now, prices).words            # '2 GPU min, 0.12 USD'

GPU time is that of an attempt's container, from its boot to its end (or now), times the GPUs that it
reported: what a platform bills, without its rounding. No price is made up: without one it is said which
is missing. A CPU demo costs no GPU. Pure; times are unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import msgspec

from tui_app.state.levels import Level, reported
from tui_app.state.view import AttemptView, RunView

MOST_WORD = 24


class Prices(msgspec.Struct, frozen=True):
    """The price of one GPU's hour by its type, in one currency."""

    per_hour: Mapping[str, float] = {}
    currency: str = ""

    def of(self, gpu: str) -> float | None:
        """The price of this type, however it is written: None where there is none."""
        wanted = gpu.casefold()
        return next((price for name, price in self.per_hour.items() if name.casefold() == wanted), None)


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """GPU time (seconds of one GPU) and money; None is not known. ``gpu`` is the type."""

    gpu: str
    seconds: float | None
    money: float | None = None
    currency: str = ""
    cpu_demo: bool = False

    @property
    def words(self) -> str:
        """As a phrase."""
        if self.cpu_demo:
            return "no GPU to pay for (CPU demo)"
        if self.seconds is None:
            return "GPUs not reported yet"
        if not self.gpu:
            return "no GPU to pay for"
        if self.money is None:
            return f"{gpu_time(self.seconds)}, no price for {self.gpu} (config: [prices])"
        return f"{self.paid} · {gpu_time(self.seconds)}"

    @property
    def paid(self) -> str:
        """``12.25 USD``, empty where no price is known."""
        return "" if self.money is None else f"{self.money:.2f} {self.currency}".rstrip()

    @property
    def is_something(self) -> bool:
        """Whether any GPU time is in it."""
        return bool(self.seconds) and not self.cpu_demo


def gpu_time(seconds: float) -> str:
    """``42 GPU s``, ``12 GPU min``, ``3.5 GPU h``."""
    if seconds < 99.5:
        return f"{seconds:.0f} GPU s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} GPU min"
    hours = seconds / 3600
    return f"{hours:.1f} GPU h" if hours < 99.5 else f"{hours:,.0f} GPU h"


def gpu_type(view: RunView) -> str:
    """``H100`` of ``H100:8``; empty where none is asked for."""
    asked = view.gpu_requested if view.gpu_requested is not None else view.config.get("gpu", "")
    return str(asked).partition(":")[0].rstrip("!")[:MOST_WORD]


def so_far(view: RunView, now: float, prices: Prices) -> Cost:
    """All attempts of the run."""
    ends = [following.claimed_at for _, following in pairwise(view.attempts)]
    spans = zip(view.attempts, [*ends, None], strict=False)
    return _cost(view, sum(_lasted(attempt, limit, view, now) for attempt, limit in spans), prices)


def at_stake(view: RunView, now: float, prices: Prices) -> Cost:
    """The work since the last commit, which a kill now would have done again."""
    attempt = view.attempt
    over = attempt is None or attempt.ended_at is not None or view.state.is_terminal
    if attempt is None or over or not reported(view).uncommitted:
        return _cost(view, 0.0, prices)
    begun = attempt.claimed_at - (attempt.boot_seconds or 0.0)
    since = begun if view.committed is None else max(begun, view.committed.t)
    return _cost(view, max(0.0, now - since), prices)


def _lasted(attempt: AttemptView, limit: float | None, view: RunView, now: float) -> float:
    """Seconds of this attempt's container. ``limit`` is when the next one claimed, for one that never
    said its end."""
    end = attempt.ended_at if attempt.ended_at is not None else limit
    if end is None:
        over = view.state_since if view.state.is_terminal else None
        end = now if over is None else over
    return max(0.0, end - attempt.claimed_at) + (attempt.boot_seconds or 0.0)


def _cost(view: RunView, seconds: float, prices: Prices) -> Cost:
    gpu = gpu_type(view)
    if not gpu and view.gpu_requested is None and view.level is not Level.OWN:
        return Cost(gpu="", seconds=None)
    if view.cpu_demo or not gpu:
        return Cost(gpu=gpu, seconds=0.0, cpu_demo=view.cpu_demo)
    if not view.gpu_count:
        return Cost(gpu=gpu, seconds=None)
    used, price = seconds * view.gpu_count, prices.of(gpu)
    if price is None:
        return Cost(gpu=gpu, seconds=used)
    return Cost(gpu=gpu, seconds=used, money=used / 3600 * price, currency=prices.currency)
