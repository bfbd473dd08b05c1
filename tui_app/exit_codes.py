"""What the command's exit status says. Printed by ``middlewatch --help``."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """One number for each kind of end."""

    OK = 0
    ERROR = 1
    USAGE = 2
    RUN_FAILED = 3
    AUTH = 4
    UNREACHABLE = 5
    REFUSED = 6
    INTERRUPTED = 130


EXPLAINED = (
    "0 ok · 1 error · 2 usage, or a name or value that is not allowed · 3 the run failed · "
    "4 no token, or a refused one · 5 the other side did not answer · 6 refused · 130 interrupted"
)


class CommandError(Exception):
    """A command cannot do what was asked: one line for stderr, and the status to exit with."""

    def __init__(self, message: str, code: ExitCode) -> None:
        super().__init__(message)
        self.code = code
