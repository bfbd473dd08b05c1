"""SIGINT held and let through, by itself."""

import os
import signal
import threading
import time

import pytest

from remote.training.interrupts import Interrupt, Interrupts


def interrupts(*, may_wait: bool, grace: float = 30.0) -> Interrupts:
    return Interrupts(lambda: grace, lambda interrupt: may_wait)


def interrupt_now() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_one_that_may_wait_is_only_noted() -> None:
    with interrupts(may_wait=True) as held:
        interrupt_now()
        assert held.pending is not None
        with pytest.raises(KeyboardInterrupt):
            held.raise_pending()


def test_one_that_may_not_wait_is_raised_where_it_comes() -> None:
    with interrupts(may_wait=False) as held, pytest.raises(KeyboardInterrupt):
        interrupt_now()
    assert held.pending is not None


def test_a_second_one_is_always_raised() -> None:
    with interrupts(may_wait=True) as held, held.held():
        interrupt_now()
        with pytest.raises(KeyboardInterrupt):
            interrupt_now()


def test_a_held_block_notes_even_what_may_not_wait() -> None:
    with interrupts(may_wait=False) as held:
        with held.held():
            interrupt_now()
        assert held.pending is not None


def test_one_that_waits_too_long_is_raised_before_the_grace_is_over() -> None:
    with interrupts(may_wait=True, grace=0.2):
        interrupt_now()
        with pytest.raises(KeyboardInterrupt):
            time.sleep(30)


def test_the_handler_from_before_is_restored() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interrupts(may_wait=True):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_it_does_nothing() -> None:
    seen: list[object] = []

    def enter() -> None:
        with interrupts(may_wait=True):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]


def test_what_is_left_of_the_grace_counts_from_the_signal() -> None:
    assert Interrupt(mono=100.0, grace=30.0, deadline=0.0).left(112.0) == 18.0
