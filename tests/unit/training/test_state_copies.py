"""Copies are apart from their originals and from each other, and their memory is used again."""

import torch
from torch import Tensor

from remote.training.state_copies import Copy, CopyPool


def places(copy: Copy) -> dict[str, int]:
    return {name: tensor.data_ptr() for name, tensor in copy.items()}


def some() -> dict[str, Tensor]:
    return {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(3)}


def test_a_copy_does_not_follow_its_original() -> None:
    original = some()
    copy = CopyPool().copy(original)
    original["a"].zero_()
    assert torch.equal(copy["a"], some()["a"])
    assert int(copy["b"]) == 3


def test_two_copies_at_a_time_share_nothing() -> None:
    pool, original = CopyPool(), some()
    first = pool.copy(original)
    original["a"].zero_()
    second = pool.copy(original)
    assert torch.equal(first["a"], some()["a"])
    assert not set(places(first).values()) & set(places(second).values())


def test_the_memory_of_a_copy_that_is_gone_is_used_again() -> None:
    pool = CopyPool()
    copy = pool.copy(some())
    before = places(copy)
    del copy
    assert places(pool.copy(some())) == before


def test_memory_that_does_not_fit_is_not_used() -> None:
    pool = CopyPool()
    pool.copy(some())
    copy = pool.copy({"a": torch.ones(4), "b": torch.tensor(2.5)})
    assert copy["a"].tolist() == [1.0] * 4
    assert copy["b"].dtype == torch.float32


def test_a_slice_of_something_larger_becomes_a_whole() -> None:
    copy = CopyPool().copy({"a": torch.arange(10.0).view(2, 5)[:, 1:3]})
    assert copy["a"].is_contiguous()
    assert copy["a"].tolist() == [[1.0, 2.0], [6.0, 7.0]]
