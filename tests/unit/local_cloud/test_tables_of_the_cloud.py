"""Dicts, queues, secrets and remembered answers on one SQLite file."""

import contextlib

import pytest
from modal_proto import api_pb2

from remote.local_cloud.answers import Answers
from remote.local_cloud.dict_store import KEPT_SECONDS, MAX_ENTRIES, Dicts, LimitError
from remote.local_cloud.queue_store import MAX_ITEM_BYTES, MAX_ITEMS, MAX_KEY_BYTES, QueueFullError, Queues
from remote.local_cloud.secret_store import Secrets
from remote.local_cloud.store import Store, StoreVersionError


def test_of_two_writers_that_both_want_a_new_key_one_wins(store):
    dicts = Dicts(store)
    made = dicts.create("d")
    outcomes = [dicts.update(made, [(b"k", value)], if_not_exists=True) for value in (b"1", b"2")]
    assert outcomes == [True, False]
    assert dicts.get(made, b"k") == b"1"


def test_a_plain_write_replaces(store):
    dicts = Dicts(store)
    made = dicts.create(None)
    for value in (b"1", b"2"):
        dicts.update(made, [(b"k", value)], if_not_exists=False)
    assert dict(dicts.items(made)) == {b"k": b"2"}
    assert dicts.pop(made, b"k") == b"2"
    assert dicts.length(made) == 0


def test_a_dict_refuses_what_modal_refuses(store):
    dicts = Dicts(store)
    made = dicts.create(None)
    with pytest.raises(LimitError):
        dicts.update(made, [(b"%d" % n, b"") for n in range(MAX_ENTRIES + 1)], if_not_exists=False)
    assert dicts.length(made) == 0


def test_a_queue_gives_items_in_order_and_each_once(store):
    queues = Queues(store)
    made = queues.create("q")
    queues.put(made, b"p", [b"1", b"2", b"3"], ttl=60)
    assert queues.get(made, b"p", 2) == [b"1", b"2"]
    assert queues.get(made, b"other", 2) == []
    assert queues.get(made, b"p", 2) == [b"3"]


def test_a_full_partition_takes_nothing_of_a_put_that_does_not_fit(store):
    queues = Queues(store)
    made = queues.create("q")
    queues.put(made, b"p", [b""] * (MAX_ITEMS - 1), ttl=60)
    with pytest.raises(QueueFullError):
        queues.put(made, b"p", [b"", b""], ttl=60)
    assert queues.length(made, b"p") == MAX_ITEMS - 1


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_partition_lasts_its_time_from_the_last_put_to_it(store):
    clock = Clock()
    queues = Queues(store, clock)
    made = queues.create("q")
    queues.put(made, b"p", [b"1"], ttl=100)
    queues.put(made, b"other", [b"x"], ttl=100)
    clock.now += 90
    queues.put(made, b"p", [b"2"], ttl=100)
    clock.now += 90
    assert queues.length(made, None) == 2
    assert queues.get(made, b"other", 1) == []
    assert queues.get(made, b"p", 5) == [b"1", b"2"]
    queues.put(made, b"p", [b"3"], ttl=100)
    clock.now += 101
    assert queues.get(made, b"p", 5) == []


@pytest.mark.parametrize(
    ("partition", "value"), [(b"p", b"x" * (MAX_ITEM_BYTES + 1)), (b"k" * (MAX_KEY_BYTES + 1), b"x")]
)
def test_what_no_queue_takes_is_refused(store, partition, value):
    queues = Queues(store)
    made = queues.create("q")
    with pytest.raises(ValueError, match="of more than"):
        queues.put(made, partition, [value], ttl=60)
    assert queues.length(made, None) == 0


def test_a_partition_has_a_size_in_bytes_too(store):
    queues = Queues(store)
    made = queues.create("q")
    queues.put(made, b"p", [b"x" * MAX_ITEM_BYTES] * 64, ttl=60)
    with pytest.raises(QueueFullError, match="bytes"):
        queues.put(made, b"p", [b"x"], ttl=60)


def test_an_entry_lasts_seven_days_from_its_last_use(store):
    clock = Clock()
    dicts = Dicts(store, clock)
    made = dicts.create("d")
    dicts.update(made, [(b"read", b"1"), (b"left", b"2")], if_not_exists=False)
    clock.now += KEPT_SECONDS - 10
    assert dicts.get(made, b"read") == b"1"
    clock.now += 20
    assert dicts.expire() == 1
    assert dict(dicts.items(made)) == {b"read": b"1"}
    dicts.pop(made, b"read")
    assert store.db.execute("SELECT count(*) FROM dict_uses").fetchone()[0] == 0


def test_equal_anonymous_secrets_are_one_and_named_ones_keep_their_id(store):
    secrets = Secrets(store)
    assert secrets.create(None, {"A": "1"}) == secrets.create(None, {"A": "1"})
    assert secrets.create(None, {"A": "1"}) != secrets.create(None, {"A": "2"})
    named = secrets.create("s", {"A": "1"})
    assert secrets.create("s", {"A": "2"}, overwrite=True) == named
    assert secrets.values([named]) == {"A": "2"}


async def append(store, item: str) -> api_pb2.DictLenResponse:
    store.db.execute("INSERT INTO done VALUES(?)", (item,))
    return api_pb2.DictLenResponse(len=store.db.execute("SELECT count(*) FROM done").fetchone()[0])


@pytest.fixture
def done(store):
    store.define("CREATE TABLE done(item TEXT)")
    return lambda: store.db.execute("SELECT count(*) FROM done").fetchone()[0]


def test_a_request_that_is_repeated_with_its_key_happens_once_also_for_a_new_daemon(store, done, tmp_path):
    first = Answers(store).once("key", append(store, "a"), api_pb2.DictLenResponse)
    with_another_connection = Store(tmp_path / "cloud.db")
    second = Answers(with_another_connection).once("key", append(store, "a"), api_pb2.DictLenResponse)
    with_another_connection.close()
    assert first == second
    assert done() == 1


def test_without_a_remembered_answer_the_same_request_happens_twice(store, done):
    """The negative control: another key is another request."""
    answers = Answers(store)
    for key in ("key", "other"):
        answers.once(key, append(store, "a"), api_pb2.DictLenResponse)
    assert done() == 2


def test_a_request_that_fails_leaves_nothing_and_can_be_repeated(store, done):
    async def fails() -> api_pb2.DictLenResponse:
        await append(store, "a")
        raise ValueError("no")

    answers = Answers(store)
    with pytest.raises(ValueError, match="no"):
        answers.once("key", fails(), api_pb2.DictLenResponse)
    assert done() == 0
    assert answers.once("key", append(store, "a"), api_pb2.DictLenResponse).len == 1


def test_a_transaction_in_another_is_a_part_of_it(store, done):
    def write(item: str, *, fails: bool) -> None:
        with store.transaction():
            store.db.execute("INSERT INTO done VALUES(?)", (item,))
            if fails:
                raise KeyError(item)

    def outer(*, inner_fails: bool, fails: bool) -> None:
        with store.transaction():
            write("outer", fails=False)
            with contextlib.suppress(KeyError):
                write("inner", fails=inner_fails)
            if fails:
                raise KeyError

    with pytest.raises(KeyError):
        outer(inner_fails=False, fails=True)
    assert done() == 0
    outer(inner_fails=True, fails=False)
    assert done() == 1


def test_a_file_of_another_version_is_refused(tmp_path):
    made = Store(tmp_path / "x.db")
    made.db.execute("PRAGMA user_version=99")
    made.close()
    with pytest.raises(StoreVersionError, match="99"):
        Store(tmp_path / "x.db")
