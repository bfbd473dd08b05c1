"""Typed reading of an event's data, which somebody else wrote.

    fields = Fields(event.data)
    fields.whole("step"), fields.real("seconds"), fields.text("name"), fields.word("cause", EndCause)

Every getter answers None (text: "") for what is missing, of another type, not finite or absurdly
large, so that no event can break a fold or a view's way into JSON and back. Knows no event type.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

from remote.vocabulary.events import LARGEST_WHOLE, number

TEXT_LIMIT = 2000
MAX_METRICS = 64
_METRIC = re.compile(r"[A-Za-z0-9_./-]{1,64}\Z")
_Word = TypeVar("_Word", bound=StrEnum)


class Fields:
    """The data of one event, read with distrust."""

    __slots__ = ("_data",)

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    def whole(self, name: str) -> int | None:
        """A whole number from 0 to 2**53."""
        value = self._data.get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        return value if 0 <= value <= LARGEST_WHOLE else None

    def real(self, name: str) -> float | None:
        """A finite number."""
        value = self._data.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST_WHOLE:
            return None
        return float(value) if math.isfinite(value) else None

    def text(self, name: str) -> str:
        """A string, cut at TEXT_LIMIT characters."""
        value = self._data.get(name)
        return value[:TEXT_LIMIT] if isinstance(value, str) else ""

    def word(self, name: str, words: type[_Word]) -> _Word | None:
        """A member of a vocabulary."""
        value = self._data.get(name)
        if not isinstance(value, str):
            return None
        try:
            return words(value)
        except ValueError:
            return None

    def flag(self, name: str) -> bool:
        """Whether it is exactly true."""
        return self._data.get(name) is True

    def mapping(self, name: str) -> dict[str, Any]:
        """A JSON object, or an empty one."""
        value = self._data.get(name)
        return dict(value) if isinstance(value, dict) else {}

    def items(self, name: str) -> list[dict[str, Any]]:
        """The objects in a JSON array."""
        value = self._data.get(name)
        return [item for item in value if isinstance(item, dict)] if isinstance(value, list | tuple) else []

    def metrics(self) -> dict[str, float]:
        """``metrics`` with well-formed names, at most MAX_METRICS. NaN and infinities are kept: a
        diverged loss must be seen."""
        given = self._data.get("metrics")
        found: dict[str, float] = {}
        if not isinstance(given, dict):
            return found
        for name, value in given.items():
            if len(found) == MAX_METRICS:
                break
            read = value if type(value) is float else _metric(value)
            if read is not None and _is_metric(name):
                found[name] = read
        return found


@lru_cache(maxsize=1024)
def _is_metric(name: object) -> bool:
    return isinstance(name, str) and _METRIC.match(name) is not None


def _metric(value: object) -> float | None:
    try:
        return number(value)
    except (OverflowError, ValueError):
        return None
