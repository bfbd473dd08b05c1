"""What the operator asks of a running attempt, taken at step boundaries and answered.

A checkpoint is made here; a stop is handed to the step loop, which alone can end the attempt.
"""

from __future__ import annotations

from remote.training.ports import Commands, CommitFailedError, Recorder
from remote.training.saving import Saver
from remote.vocabulary.commands import Command, OutcomeState, Verb


class Orders:
    """The commands of one attempt. An answer is flushed before it counts as given."""

    def __init__(self, commands: Commands, recorder: Recorder, saver: Saver) -> None:
        self._commands, self._recorder, self._saver = commands, recorder, saver

    def carry_out(self, *, over: bool = False) -> Command | None:
        """Do what was asked since the last time; the stop, if that was among it. ``over`` says that
        all steps are done, so that there is nothing to stop."""
        stop: Command | None = None
        for command in self._commands.poll():
            self._recorder.emit("command.received", id=command.id, verb=command.verb.value)
            if stop is not None:
                self.answer(command, OutcomeState.REFUSED, "the run is being stopped")
            elif command.verb is Verb.CHECKPOINT:
                self._checkpoint(command)
            elif command.verb is not Verb.STOP:
                self.answer(command, OutcomeState.REFUSED, f"a trainer cannot {command.verb.value}")
            elif over:
                self.answer(command, OutcomeState.REFUSED, "the run has just done its last step")
            else:
                stop = command
        return stop

    def answer(self, command: Command, outcome: OutcomeState, detail: str) -> None:
        """Say what became of it."""
        verb = command.verb.value
        self._recorder.emit("command.done", id=command.id, verb=verb, outcome=outcome.value, detail=detail)
        self._recorder.flush()

    def _checkpoint(self, command: Command) -> None:
        step = self._saver.place.step
        try:
            self._saver.save("operator")
        except CommitFailedError as error:
            self.answer(command, OutcomeState.REFUSED, f"step {step} could not be committed: {error}")
            raise
        detail = f"step {step} is committed" if step else "no step is done yet"
        self.answer(command, OutcomeState.DONE, detail)
