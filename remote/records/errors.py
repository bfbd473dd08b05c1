"""What can be wrong with a record, one class a cause.

    RecordError(ValueError)            what stands in a table is not what we write there
    TableMissingError(LookupError)     there is no such table
    UnknownStepError(LookupError)      no recognised checkpoint is of the step that was asked for
    ForgottenError(LookupError)        checkpoints are there, but not the records that say which of them count
    FencedError(RuntimeError)          a newer attempt exists; nothing that we write counts any more
    DamagedCheckpointError(ValueError) a checkpoint's files are not those that its manifest names
    DamagedArchiveError(ValueError)    a sealed segment of the archive is not whole

What the network raises is not among them: it passes through as the modal client raised it, for whoever
knows whether waiting helps.
"""

from __future__ import annotations


class RecordError(ValueError):
    """A value in a table cannot be read as what should stand there; it names the place and why."""


class TableMissingError(LookupError):
    """No table of this name exists (and none was to be made)."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no table {name!r}")
        self.name = name


class UnknownStepError(LookupError):
    """There is no recognised checkpoint of ``step``; the message names those that there are."""

    def __init__(self, step: int, known: list[int]) -> None:
        some = ", ".join(str(number) for number in known[-20:]) or "none"
        super().__init__(f"no recognised checkpoint of step {step}; there are: {some}")
        self.step, self.known = step, known


class ForgottenError(LookupError):
    """The volume has ``names`` of a run whose commit log is empty. To begin at step 0 would throw the work
    away without a word, and which of them count nobody can tell any more."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"the volume has {len(names)} checkpoints of this run, the newest {max(names)}, but the run's "
            "records are gone (Modal drops a Dict entry after 7 days without a read); nothing was changed: "
            "give a new run another name"
        )
        self.names = names


class FencedError(RuntimeError):
    """A newer attempt, or a newer call of the run, has spoken: this one has lost its say."""


class DamagedCheckpointError(ValueError):
    """A checkpoint must not be loaded: ``name`` and one sentence ``why``."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"checkpoint {name} is damaged: {why}")
        self.name, self.why = name, why


class DamagedArchiveError(ValueError):
    """A segment must not be believed: ``name`` and one sentence ``why``."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"archive segment {name} is damaged: {why}")
        self.name, self.why = name, why
