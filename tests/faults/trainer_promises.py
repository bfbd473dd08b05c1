"""What a run that was killed owes to an undisturbed run of the same class: one list of broken promises,
for ours and for the naive trainer alike."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from kill_plan import Rhythm

Story = dict[str, Any]
_OF_TIME = ("seconds", "per_second")


def broken(story: Story, reference: Story, *, interval: int) -> list[str]:
    """One sentence for each promise that the story breaks."""
    return [
        *_replays(story, reference),
        *_end(story, reference),
        *_committed_steps(story),
        *_redone_steps(story, interval),
        *_identities(story),
    ]


def rhythm(story: Story) -> Rhythm:
    """Of an undisturbed run."""
    claimed, steps = _moments(story, "attempt.claimed")[0], _moments(story, "step.completed")
    begun = _moments(story, "phase.changed", phase="CHECKPOINTING") or steps
    saves = [
        commit - max(moment for moment in begun if moment < commit)
        for commit in _moments(story, "volume.committed")
    ]
    between = [later - earlier for earlier, later in pairwise(steps)]
    return Rhythm(start=steps[0] - claimed, step=_median(between), save=_median(saves))


def data(story: Story, type: str, **wanted: Any) -> list[dict[str, Any]]:
    """The data of all events of a type, each with its ``attempt``, in the order they were said."""
    found = [
        event["data"] | {"attempt": event["attempt"]} for event in story["events"] if event["type"] == type
    ]
    return [item for item in found if wanted.items() <= item.items()]


def redone(story: Story) -> list[tuple[int, int]]:
    """For each kill: how many finished steps the next attempt did again, and how many of them had been done
    while a checkpoint was on its way."""
    starts = {item["attempt"]: item["resumed_from"] for item in data(story, "attempt.claimed")}
    return [
        (max(0, kill["last_step"] - starts[kill["attempt"] + 1]), kill["steps_under_way"])
        for kill in story["kills"]
        if kill["attempt"] + 1 in starts
    ]


def _replays(story: Story, reference: Story) -> list[str]:
    wanted = dict(_measured(reference["events"]))
    on_stdout = [event for kill in story["kills"] for event in kill["events"]]
    measured = _measured([*story["events"], *on_stdout])
    other = {key for key, figures in measured if figures != wanted.get(key)}
    unsaid = wanted.keys() - dict(_measured(story["events"])).keys()
    return [
        *(f"{type} of step {step} is not as in the undisturbed run" for type, step in sorted(other)),
        *(f"{type} of step {step} is nowhere in the live log" for type, step in sorted(unsaid)),
    ]


def _measured(events: list[dict[str, Any]]) -> Iterator[tuple[tuple[str, int], dict[str, Any]]]:
    """Of each step and evaluation: which it is, and every figure but those of time."""
    for event in events:
        if event["type"] in ("step.completed", "eval.completed"):
            step, metrics = event["data"]["step"], event["data"]["metrics"]
            figures = {name: value for name, value in metrics.items() if not name.endswith(_OF_TIME)}
            yield (event["type"], step), figures


def _end(story: Story, reference: Story) -> list[str]:
    found = []
    ends = [item["state"] for item in data(story, "run.ended")]
    if ends != ["SUCCEEDED"]:
        found.append(f"the run ended {ends} instead of once, with success")
    last = max((item["step"] for item in data(story, "step.completed")), default=0)
    if last != max(item["step"] for item in data(reference, "step.completed")):
        found.append(f"the last step is {last}")
    for name in ("model.safetensors", "optimizer.safetensors", "rng.safetensors"):
        if story["final"].get(name) != reference["final"][name]:
            found.append(f"the final {name} is another one")
    return found


def _committed_steps(story: Story) -> list[str]:
    """Nothing that was reported as committed, be it only on stdout, is ever gone back behind."""
    said = [(item["attempt"], item["step"]) for item in data(story, "volume.committed")]
    for kill in story["kills"]:
        commits = [event["data"] for event in kill["events"] if event["type"] == "volume.committed"]
        said += [(kill["attempt"], commit["step"]) for commit in commits]
    found = []
    for start in data(story, "attempt.claimed"):
        before = max((step for attempt, step in said if attempt < start["attempt"]), default=0)
        if start["resumed_from"] < before:
            lost = f"attempt {start['attempt']} starts from step {start['resumed_from']}"
            found.append(f"{lost}, although step {before} was committed")
    return found


def _redone_steps(story: Story, interval: int) -> list[str]:
    """One interval, and what was done while the next checkpoint was being committed: at most another one."""
    return [
        f"a kill cost {steps} steps, {under_way} of them behind a commit under way"
        for steps, under_way in redone(story)
        if steps > interval + min(under_way, interval)
    ]


def _identities(story: Story) -> list[str]:
    found = []
    keys = [(event["attempt"], event["source"], event["seq"]) for event in story["events"]]
    if len(set(keys)) != len(keys):
        found.append("an event stands in the live log twice")
    for writer in sorted({key[:2] for key in keys}):
        numbers = sorted(seq for *who, seq in keys if tuple(who) == writer)
        if numbers != list(range(1, len(numbers) + 1)):
            found.append(f"the events of {writer} have a hole")
    if not all(kill["same_lines"] for kill in story["kills"]):
        found.append("the live log says something else than stdout")
    return found


def _moments(story: Story, type: str, **wanted: Any) -> list[float]:
    events = [event for event in story["events"] if event["type"] == type]
    return [event["mono"] for event in events if wanted.items() <= event["data"].items()]


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
