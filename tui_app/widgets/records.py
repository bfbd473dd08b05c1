"""What the tabs of a run show, as values: samples, evaluations, host samples, checkpoints, printed lines,
deeds. Texts in them have passed the gate already. Times are unix seconds, durations seconds, sizes bytes;
None is what was not reported."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tui_app.render.track import Track


class Sample(msgspec.Struct, frozen=True):
    """One rollout that was kept to be read: a prompt, what the policy wrote, what that was worth."""

    prompt: tuple[str, ...]
    completion: tuple[str, ...]
    reward: float | None
    advantage: float | None


class Rollouts(msgspec.Struct, frozen=True):
    """The samples of one step of one attempt."""

    step: int
    attempt: int
    t: float
    samples: tuple[Sample, ...]


class Evaluation(msgspec.Struct, frozen=True):
    """What an evaluation after ``step`` measured."""

    step: int
    attempt: int
    t: float
    metrics: Mapping[str, float]


class EvaluationNews(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to an evaluation that was asked for: ``kind`` is started, slice_failed,
    progressed or ended. Slices and prompts (``first`` to ``last``) count from 1."""

    kind: str
    id: str
    t: float
    step: int = 0
    prompts: int = 0
    slices: int = 0
    gpu: str = ""
    by: str = ""
    done: int = 0
    failed: int = 0
    scored: int = 0
    outcome: str = ""
    metrics: Mapping[str, float] = {}
    slice: int = 0
    first: int = 0
    last: int = 0
    error: str = ""


class GpuSample(msgspec.Struct, frozen=True):
    """One GPU: ``memory`` bytes in use, ``utilisation`` percent."""

    name: str
    memory: float | None
    utilisation: float | None


class HostSample(msgspec.Struct, frozen=True):
    """The machine of an attempt: ``cpu`` percent of one core, ``rss`` and ``disk_free`` bytes."""

    t: float
    attempt: int
    cpu: float | None
    rss: float | None
    disk_free: float | None
    gpus: tuple[GpuSample, ...]


class CheckpointNews(msgspec.Struct, frozen=True):
    """One thing that happened to a checkpoint: ``kind`` is saved, committed, failed, deleted, skipped
    or loaded; ``why`` is the reason of a save, the error of a failed commit, or what is damaged."""

    kind: str
    t: float
    attempt: int
    step: int | None
    name: str
    position: int | None
    bytes: int | None
    seconds: float | None
    tries: int | None
    why: str


class Printed(msgspec.Struct, frozen=True):
    """A line that a container printed; ``repeat`` where it may have been fetched twice."""

    t: float
    fd: str
    text: str
    repeat: bool


class Deed(msgspec.Struct, frozen=True):
    """What somebody asked for, and what became of it: ``outcome`` is a word, waiting while there is
    none. ``shared`` where it is known from the run's own log, as colleagues' deeds are."""

    id: str
    t: float
    run: str
    verb: str
    by: str
    host: str
    outcome: str
    detail: str
    shared: bool = False


class CurvesOf(msgspec.Struct, frozen=True):
    """The curves of one of several runs so far; its steps from here on follow."""

    run: str
    track: Track


class StepOf(msgspec.Struct, frozen=True):
    """One finished step of one of several runs."""

    run: str
    step: int
    attempt: int
    metrics: Mapping[str, float]


Record = (
    Rollouts | Evaluation | EvaluationNews | HostSample | CheckpointNews | Printed | Deed | CurvesOf | StepOf
)
