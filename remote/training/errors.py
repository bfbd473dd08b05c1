"""What can go wrong in training, apart from what torch itself raises.

    NonRetryableError          doing it again gives the same: the run ends at once
    └─ UnknownModelError       no such model
    └─ UnusableCheckpointError a checkpoint that does not fit this model
    DrillError                 a failure on purpose

`remote.vocabulary.run_config.ConfigError` is not retryable either.
"""

from __future__ import annotations


class NonRetryableError(RuntimeError):
    """Another attempt would fail in the same way; the message says what to change."""


class UnknownModelError(NonRetryableError):
    """The config names a model that cannot be found."""

    def __init__(self, model: str, why: str) -> None:
        super().__init__(f"model {model!r} cannot be loaded: {why}")
        self.model = model


class UnusableCheckpointError(NonRetryableError):
    """A checkpoint is intact, but was made by another model or task than the config names."""


class DrillError(RuntimeError):
    """The exception that an operator asked for; retried like any other."""
