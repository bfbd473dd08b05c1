"""The last words of an attempt: why it ended, on what evidence, and whether the run ended with it.

Pure saying: what is to be saved was saved before, and the exception is re-raised by whoever caught it.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from remote.training.errors import NonRetryableError
from remote.training.ports import Recorder
from remote.training.saving import Place
from remote.vocabulary.events import Severity
from remote.vocabulary.run_config import ConfigError, RunConfig
from remote.vocabulary.run_states import EndCause, FailureReason, RunState

MESSAGE_LIMIT = 1000
TRACEBACK_LINES = 12
TRACEBACK_LIMIT = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How `Session.run` came to its end: ``state`` is SUCCEEDED, STOPPED or FAILED, ``reason`` is why
    it failed, ``detail`` one sentence."""

    state: RunState
    step: int
    committed_step: int
    detail: str
    reason: FailureReason | None = None


class Endings:
    """Says the end, once. ``place`` is asked for where the attempt stands."""

    def __init__(
        self, config: RunConfig, recorder: Recorder, retries_used: int, place: Callable[[], Place]
    ) -> None:
        self._config, self._recorder, self._retries_used, self._place = config, recorder, retries_used, place
        self.said = False

    def completed(self) -> Outcome:
        """All steps are done and committed."""
        detail = f"all {self._config.steps} steps are done"
        self._attempt(EndCause.COMPLETED, detail)
        return self._run(RunState.SUCCEEDED, detail)

    def stopped(self, by: str) -> Outcome:
        """The operator asked for it; what could be saved is saved."""
        place = self._place()
        detail = f"stopped by {by} after step {place.step}; step {place.committed_step} is committed"
        self._attempt(EndCause.STOPPED, detail)
        return self._run(RunState.STOPPED, detail)

    def preempted(self, evidence: str) -> None:
        """The container is about to be taken away; the platform starts the same input again."""
        place = self._place()
        cause = EndCause.PREEMPTED_KILLED if place.uncommitted else EndCause.PREEMPTED_DRAINED
        self._attempt(cause, f"{evidence}; {place.lost}", sev=Severity.WARN)

    def cancelled(self, error: BaseException) -> None:
        """The call was cancelled, and is not tried again."""
        detail = f"{type(error).__name__}: the call was cancelled; {self._place().lost}"
        self._attempt(EndCause.STOPPED, detail)
        self._run(RunState.STOPPED, detail)

    def timed_out(self, error: BaseException) -> None:
        """The platform's time limit is over: like an exception, it uses up a retry."""
        detail = f"{type(error).__name__} at the time limit; {self._place().lost}"
        if not self._retry(EndCause.TIMEOUT, detail):
            self._run(RunState.FAILED, detail, FailureReason.TIMEOUT)

    def failed(self, error: Exception) -> Outcome | None:
        """Training raised; None if a retry follows, and ``error`` has to be raised again."""
        message = f"{type(error).__name__}: {str(error)[:MESSAGE_LIMIT]}"
        self.raised(error)
        if not _retryable(error):
            self._attempt(EndCause.EXCEPTION, message, sev=Severity.ERROR, will_retry=False)
            return self._run(RunState.FAILED, message, FailureReason.USER_ERROR)
        if self._retry(EndCause.EXCEPTION, message):
            return None
        used = f"{self._retries_used} of {self._config.max_retries} retries are used"
        return self._run(RunState.FAILED, f"{used}; {message}", FailureReason.RETRIES_EXHAUSTED)

    def raised(self, error: Exception) -> None:
        """An exception as such; what follows from it is said apart."""
        self._recorder.emit(
            "exception.raised",
            sev=Severity.ERROR,
            kind=type(error).__name__,
            message=str(error)[:MESSAGE_LIMIT],
            traceback=_last_lines(error),
            retryable=_retryable(error),
        )

    def fenced(self) -> Outcome:
        """A newer attempt took over: the run goes on, without this one."""
        self._attempt(EndCause.FENCED, "a newer attempt of this run exists", sev=Severity.WARN)
        place = self._place()
        return Outcome(
            state=RunState.FAILED, step=place.step, committed_step=place.committed_step, detail="fenced"
        )

    def _retry(self, cause: EndCause, evidence: str) -> bool:
        retry, of = self._retries_used + 1, self._config.max_retries
        if retry > of:
            self._attempt(cause, evidence, sev=Severity.ERROR, will_retry=False)
            return False
        delay = self._config.retries.delay(retry)
        about = {"will_retry": True, "retry": retry, "of": of, "delay": delay}
        self._attempt(cause, evidence, sev=Severity.WARN, **about)
        return True

    def _attempt(
        self, cause: EndCause, evidence: str, *, sev: Severity = Severity.INFO, **about: Any
    ) -> None:
        place = self._place()
        self.said = True
        self._recorder.emit(
            "attempt.ended",
            sev=sev,
            cause=cause.value,
            step=place.step,
            committed_step=place.committed_step,
            evidence=evidence,
            **about,
        )

    def _run(self, state: RunState, detail: str, reason: FailureReason | None = None) -> Outcome:
        place = self._place()
        why = {} if reason is None else {"reason": reason.value}
        self._recorder.emit(
            "run.ended",
            sev=Severity.ERROR if state is RunState.FAILED else Severity.INFO,
            state=state.value,
            detail=detail,
            step=place.step,
            committed_step=place.committed_step,
            **why,
        )
        return Outcome(
            state=state,
            step=place.step,
            committed_step=place.committed_step,
            detail=detail,
            reason=reason,
        )


def _retryable(error: Exception) -> bool:
    return not isinstance(error, NonRetryableError | ConfigError)


def _last_lines(error: BaseException) -> str:
    lines = "".join(traceback.format_exception(error)).rstrip().splitlines()
    return "\n".join(lines[-TRACEBACK_LINES:])[-TRACEBACK_LIMIT:]
