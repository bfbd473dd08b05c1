"""Every curve of one run, and where its attempts began; as bytes for the journal.

    track.extend([(step, attempt, {"loss": 0.3}), ...])
    Track.unpack(track.pack())          # the same curves

Its size does not grow with the length of a run (`tui_app.render.buckets`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from tui_app.render.buckets import Series


class _PackedSeries(msgspec.Struct, frozen=True, array_like=True):
    width: int
    low: bytes
    high: bytes
    broken: tuple[int, ...]
    last_step: int
    last: float | None
    smallest: float
    largest: float

    @classmethod
    def of(cls, series: Series) -> _PackedSeries:
        return cls(
            series.width,
            series.low.tobytes(),
            series.high.tobytes(),
            tuple(series.broken),
            series.last_step,
            series.last,
            series.smallest,
            series.largest,
        )

    def series(self, capacity: int) -> Series:
        series = Series(capacity)
        series.width, series.broken = self.width, set(self.broken)
        series.low.frombytes(self.low)
        series.high.frombytes(self.high)
        series.last_step, series.last = self.last_step, self.last
        series.smallest, series.largest = self.smallest, self.largest
        return series


class Mark(msgspec.Struct, frozen=True):
    """Where an attempt took over: its first step, and the last step that it had to do again
    (``redone_to`` < ``step`` when there was none)."""

    attempt: int
    step: int
    redone_to: int


class Track:
    """Every metric of one run, and where its attempts began."""

    def __init__(self, capacity: int = 1024) -> None:
        self.capacity = capacity
        self.series: dict[str, Series] = {}
        self.marks: list[Mark] = []
        self.attempt = 0
        self.last_step = 0
        self.version = 0
        """Grows with every value taken in."""

    def pack(self) -> bytes:
        """All of it as bytes for this machine; their number does not grow with the length of a run."""
        series = {name: _PackedSeries.of(each) for name, each in self.series.items()}
        return _PACKER.encode(
            _PackedTrack(self.capacity, series, tuple(self.marks), self.attempt, self.last_step, self.version)
        )

    @classmethod
    def unpack(cls, packed: bytes) -> Track:
        """What `pack` gave. ValueError for anything else."""
        try:
            said = _UNPACKER.decode(packed)
            track = cls(said.capacity)
            track.series = {name: each.series(said.capacity) for name, each in said.series.items()}
        except (msgspec.MsgspecError, ValueError) as error:
            raise ValueError(f"not a packed track: {error}") from error
        track.marks, track.attempt = list(said.marks), said.attempt
        track.last_step, track.version = said.last_step, said.version
        return track

    def add(self, step: int, attempt: int, metrics: Mapping[str, float]) -> None:
        """One finished step of an attempt. A late step of an older attempt is drawn, and marks nothing."""
        if attempt > self.attempt:
            self.marks.append(Mark(attempt, step, self.last_step))
            self.attempt = attempt
        self.last_step = max(self.last_step, step)
        self.version += 1
        for name, value in metrics.items():
            series = self.series.get(name)
            if series is None:
                series = self.series[name] = Series(self.capacity)
            series.add(step, value)

    def extend(self, points: Iterable[tuple[int, int, Mapping[str, float]]]) -> None:
        """Many finished steps (step, attempt, metrics), as `add` does one by one."""
        columns: dict[str, tuple[list[int], list[float]]] = {}
        for step, attempt, metrics in points:
            if attempt > self.attempt:
                self.marks.append(Mark(attempt, step, self.last_step))
                self.attempt = attempt
            if step > self.last_step:
                self.last_step = step
            self.version += 1
            for name, value in metrics.items():
                if name not in columns:
                    columns[name] = ([], [])
                steps, values = columns[name]
                steps.append(step)
                values.append(value)
        for name, (steps, values) in columns.items():
            if name not in self.series:
                self.series[name] = Series(self.capacity)
            self.series[name].extend(steps, values)


class _PackedTrack(msgspec.Struct, frozen=True, array_like=True):
    capacity: int
    series: dict[str, _PackedSeries]
    marks: tuple[Mark, ...]
    attempt: int
    last_step: int
    version: int


_PACKER = msgspec.msgpack.Encoder()
_UNPACKER = msgspec.msgpack.Decoder(_PackedTrack)
