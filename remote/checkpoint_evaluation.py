"""Scores a slice of examples with a committed checkpoint, beside a run or after it.

It claims no attempt, fences nobody, writes no event, and loads the weights alone. What is refused is
returned and not raised, because whatever is raised is tried again by the platform. A slice of an
evaluation that the watcher fans out writes down what it found, and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from remote.records import commit_log, keys, registry
from remote.records.checkpoint_store import CheckpointStore
from remote.records.commit_log import LogRecord
from remote.records.errors import TableMissingError
from remote.records.evaluations import ERROR_LIMIT, SliceRecord, write_slice
from remote.records.tables import ModalTable, Table
from remote.training.errors import NonRetryableError
from remote.training.evaluation import held_out
from remote.vocabulary.run_config import ConfigError, RunConfig

MOST_INDICES = 100_000


def evaluate(
    run: str,
    indices: Sequence[int],
    step: int | None,
    *,
    checkpoints: Path,
    reload: Callable[[], None],
    open_table: Callable[[str], Table] = lambda name: ModalTable.open(name, create=False),
) -> dict[str, Any]:
    """See `Trainer.evaluate`. ``checkpoints`` is the directory that shows the volume, ``reload`` brings it
    up to date."""
    try:
        wanted = _checked(indices)
        table = open_table(keys.run_table(keys.check_run_name(run)))
        config = _config(table)
        record = _record(table, step)
        reload()
        store = CheckpointStore(checkpoints / run)
        store.verify(record.name)
        scores = _scores(config, store.path(record.name), wanted)
    except TableMissingError:
        return {"refused": f"there is no run {run!r}"}
    except (LookupError, ValueError, NonRetryableError) as error:
        return {"refused": str(error)}
    return {
        "run": run,
        "step": record.step,
        "name": record.name,
        "position": record.position,
        "scores": [[index, *score] for index, score in zip(wanted, scores, strict=True)],
    }


def score_slice(
    run: str,
    evaluation_id: str,
    number: int,
    first: int,
    count: int,
    step: int,
    *,
    checkpoints: Path,
    reload: Callable[[], None],
    open_table: Callable[[str], Table] = lambda name: ModalTable.open(name, create=False),
    mono: Callable[[], float] = time.monotonic,
) -> None:
    """See `Trainer.evaluate_slice`. An exception is written down and not raised: a slice is asked for again
    by whoever wants it, not ten times by the platform. What the network raises while it is written passes."""
    began = mono()
    try:
        found = evaluate(
            run,
            list(held_out(count, first)),
            step,
            checkpoints=checkpoints,
            reload=reload,
            open_table=open_table,
        )
    except Exception as error:
        found = {"refused": f"{type(error).__name__}: {error}"}
    if "refused" in found:
        record = SliceRecord(step=step, error=(found["refused"] or "it gave no reason")[:ERROR_LIMIT])
    else:
        scores = tuple((float(reward), bool(exact)) for _, reward, exact in found["scores"])
        seconds = round(mono() - began, 6)
        record = SliceRecord(step=found["step"], name=found["name"], scores=scores, seconds=seconds)
    write_slice(open_table(keys.run_table(run)), evaluation_id, number, record)


def _scores(config: RunConfig, path: Path, indices: list[int]) -> list[Any]:
    from remote.training import numerics
    from remote.training.actor import Actor

    device = numerics.prepare(config.seed)
    actor = Actor(config, device)
    actor.load(path)
    return actor.evaluate(indices)


def _checked(indices: Sequence[int]) -> list[int]:
    found = list(indices)
    if not 1 <= len(found) <= MOST_INDICES or not all(isinstance(i, int) and i >= 0 for i in found):
        raise ConfigError("indices", str(found)[:80], f"1 to {MOST_INDICES} whole numbers from 0 on")
    return found


def _config(table: Table) -> RunConfig:
    """The config of the newest generation: what the run is now."""
    reserved = registry.reservation(table, registry.latest_generation(table))
    if reserved is None:
        raise LookupError("the run has not been spawned")
    return RunConfig.from_json(reserved.config)


def _record(table: Table, step: int | None) -> LogRecord:
    """The newest commit of that step that was ever recognised; without a step the one that counts now."""
    records = commit_log.read_log(table)
    if step is None:
        record = commit_log.newest(records)
        if record is None:
            raise LookupError("no checkpoint of the run is committed yet")
        return record
    of_step = [record for record in commit_log.recognised(records) if record.step == step]
    if not of_step:
        raise LookupError(f"no checkpoint of step {step} is committed")
    return of_step[-1]
