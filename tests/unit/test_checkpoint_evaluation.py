"""A slice of examples scored with what a run has committed: read-only, and refused with a reason."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))
from memory_tables import MemoryTable

from remote import checkpoint_evaluation
from remote.checkpoint_evaluation import evaluate, score_slice
from remote.records import registry
from remote.records.checkpoint_store import CheckpointStore
from remote.records.commit_log import CommitLog
from remote.records.errors import RecordError, TableMissingError
from remote.records.evaluations import SliceRecord, read_slices
from remote.records.registry import Reservation
from remote.training.evaluation import held_out
from remote.training.learner import Learner
from remote.vocabulary.run_config import RunConfig

CONFIG = RunConfig(
    task_length=3, steps=3, prompts_per_step=4, group_size=4, minibatches=2, warmup_steps=1, wandb="disabled"
)


class Committed:
    """A run of three steps whose steps 1 and 3 are committed."""

    def __init__(self, root: Path) -> None:
        self.root, self.table, self.reloads = root, MemoryTable(), 0
        reservation = Reservation(
            intent="i1", verb="spawn", by="ana", host="h", config=CONFIG.to_json(), at=0.0
        )
        registry.reserve(self.table, reservation)
        store, log = CheckpointStore(root / "r1"), CommitLog(self.table, 1, "b1")
        log.fence(lambda records: 0)
        learner = Learner(CONFIG)
        self.scores: dict[int, Any] = {}
        for step in (1, 2, 3):
            learner.step(step)
            self.scores[step] = learner.evaluate(held_out(5))
            if step != 2:
                written = store.write(step, 1, learner.files(), learner.about())
                log.append_commit(step, written.name)

    def evaluate(self, indices: list[int], step: int | None = None, run: str = "r1") -> dict[str, Any]:
        return evaluate(run, indices, step, checkpoints=self.root, reload=self._reload, open_table=self._open)

    def slice(self, number: int, first: int, count: int, step: int = 3) -> SliceRecord | RecordError:
        """What the container of a slice of evaluation e writes down."""
        about = {"checkpoints": self.root, "reload": self._reload, "open_table": self._open}
        score_slice("r1", "e", number, first, count, step, **about)
        return read_slices(self.table, "e", [number])[number]

    def contents(self) -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in sorted(self.root.rglob("*")) if p.is_file()}

    def _reload(self) -> None:
        self.reloads += 1

    def _open(self, name: str) -> MemoryTable:
        if not name.endswith("r1"):
            raise TableMissingError(name)
        return self.table


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Committed:
    return Committed(tmp_path_factory.mktemp("volume"))


@pytest.mark.parametrize(("asked", "step"), [(None, 3), (3, 3), (1, 1)])
def test_the_scores_are_those_of_the_run_itself_after_that_step(
    committed: Committed, asked: int | None, step: int
) -> None:
    found = committed.evaluate(list(held_out(5)), asked)
    assert (found["step"], found["run"]) == (step, "r1")
    assert found["scores"] == [
        [index, *score] for index, score in zip(held_out(5), committed.scores[step], strict=True)
    ]


def test_slices_make_up_the_whole(committed: Committed) -> None:
    indices = list(held_out(5))
    parts = [committed.evaluate(part)["scores"] for part in (indices[:2], indices[2:])]
    assert [*parts[0], *parts[1]] == committed.evaluate(indices)["scores"]


def test_nothing_of_the_run_is_touched(committed: Committed) -> None:
    entries, files, reloads = dict(committed.table.entries), committed.contents(), committed.reloads
    committed.evaluate(list(held_out(2)))
    assert (committed.table.entries, committed.contents()) == (entries, files)
    assert committed.reloads == reloads + 1


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"run": "r2"}, "there is no run 'r2'"),
        ({"run": "../r1"}, "allowed are 1 to 48"),
        ({"step": 2}, "no checkpoint of step 2 is committed"),
        ({"indices": []}, "indices is '[]'; allowed is 1 to 100000"),
        ({"indices": [-1]}, "allowed is 1 to 100000 whole numbers from 0 on"),
    ],
)
def test_what_cannot_be_scored_is_refused_with_a_reason(
    committed: Committed, about: dict[str, Any], why: str
) -> None:
    refused = committed.evaluate(**({"indices": [1]} | about))
    assert refused.keys() == {"refused"}
    assert why in refused["refused"]


def test_a_damaged_checkpoint_is_named_and_not_used(tmp_path: Path) -> None:
    run = Committed(tmp_path)
    (weights,) = tmp_path.rglob("step_00000003*/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    assert "step_00000003.a0001 is damaged" in run.evaluate([1])["refused"]
    assert run.evaluate([1], step=1)["step"] == 1


def test_a_run_without_a_commit_is_refused(committed: Committed, tmp_path: Path) -> None:
    empty = MemoryTable()
    empty.entries = {key: value for key, value in committed.table.entries.items() if key.startswith("spawn/")}
    about = {"checkpoints": tmp_path, "reload": lambda: None}
    refused = evaluate("r1", [1], None, open_table=lambda name: empty, **about)
    assert refused == {"refused": "no checkpoint of the run is committed yet"}


def test_a_slice_writes_down_what_it_found_where_its_watcher_reads_it(committed: Committed) -> None:
    whole = [tuple(score) for score in committed.scores[3]]
    first, second = committed.slice(1, 0, 3), committed.slice(2, 3, 2)
    assert isinstance(first, SliceRecord)
    assert isinstance(second, SliceRecord)
    assert (first.step, first.name, first.error) == (3, "step_00000003.a0001", "")
    assert [*first.scores, *second.scores] == whole
    assert read_slices(committed.table, "e", [3]) == {}


def test_the_first_word_of_a_slice_counts(committed: Committed) -> None:
    before = committed.slice(4, 0, 1)
    assert committed.slice(4, 0, 5) == before


def test_a_slice_that_is_refused_says_why(committed: Committed) -> None:
    record = committed.slice(5, 0, 1, step=2)
    assert isinstance(record, SliceRecord)
    assert (record.error, record.scores) == ("no checkpoint of step 2 is committed", ())


def test_a_slice_that_raises_is_written_down_and_not_tried_again_but_an_interrupt_passes(
    committed: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: Any) -> Any:
        raise error

    monkeypatch.setattr(checkpoint_evaluation, "_scores", fails)
    error: BaseException = RuntimeError("probability tensor contains inf")
    record = committed.slice(6, 0, 1)
    assert isinstance(record, SliceRecord)
    assert record.error == "RuntimeError: probability tensor contains inf"
    error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        committed.slice(7, 0, 1)
    assert read_slices(committed.table, "e", [7]) == {}
