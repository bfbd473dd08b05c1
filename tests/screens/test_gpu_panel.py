"""The GPUs of a run beside its charts: each of them, how old that is, and never a 0 that nobody reported."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import LARGE, SMALL, Open
from run_story import Journal

from tui_app.render.spans import width
from tui_app.state.gpu_load import GpuLoad, GpuUse
from tui_app.widgets.gpu_panel import usage

RUN = "sort-digits"


def busy(*utilisation: float) -> list[dict[str, Any]]:
    return [
        {"name": "H100", "memory": 61e9 + 1e9 * index, "utilisation": value}
        for index, value in enumerate(utilisation)
    ]


def words(load: GpuLoad, cells: int, *, ascii_art: bool = False) -> list[str]:
    lines = usage(load, cells, ascii_art=ascii_art)
    assert all(width(line) <= cells for line in lines)
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def load(*values: tuple[float | None, float | None]) -> GpuLoad:
    return GpuLoad(attempt=1, t=0.0, gpus=tuple(GpuUse(*each) for each in values))


async def test_eight_gpus_fit_into_a_small_screen_and_one_that_idles_is_seen(
    journal: Journal, open_board: Open
) -> None:
    story = journal.story(ago=20).begin(gpus=8).steps(30).host(gpus=busy(98, 97, 100, 99, 0, 98, 97, 99))
    async with open_board(RUN, size=SMALL) as board:
        await board.shows("under 10 s ago", "utilisation ████▁███ 0–100 %", "memory", "61–68 GB")
        story.now().host(gpus=busy(98, 97, 100, 99, 96, 98, 97, 99))
        await board.shows("utilisation ████████ 96–100 %")


async def test_a_larger_screen_has_a_number_for_each(journal: Journal, open_board: Open) -> None:
    journal.story(ago=40).begin(gpus=8).steps(30).host(gpus=busy(98, 97, 100, 99, 0, 98, 97, 99))
    async with open_board(RUN, size=LARGE) as board:
        await board.shows("use 98 97 100 99 0 98 97 99 %", "mem 61 62 63 64 65 66 67 68 GB")
        await board.shows("requested H100:8", "present 8")


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
async def test_what_no_attempt_has_sampled_is_not_reported(
    journal: Journal, open_board: Open, size: tuple[int, int]
) -> None:
    story = journal.story(ago=40).begin().steps(12).host()
    async with open_board(RUN, size=size) as board:
        await board.shows("RUNNING")
        assert "utilisation" not in board.words
        if size == LARGE:
            await board.shows("memory, use not reported")
        story.now().host(gpus=busy(55))
        await board.shows("utilisation 55 %", "memory 61 GB")


async def test_an_earlier_attempts_gpus_are_not_taken_for_the_newest_ones(
    journal: Journal, open_board: Open
) -> None:
    story = journal.story(ago=40).begin(gpus=1).steps(12).host(gpus=busy(55))
    async with open_board(RUN, size=LARGE) as board:
        await board.shows("utilisation 55 %")
        story.preempted().claim().load(gpus=1)
        await board.shows("memory, use not reported yet")


def test_a_gpu_that_does_not_tell_is_not_an_idle_one() -> None:
    assert words(load((None, None), (4e9, 50.0)), 31) == ["utilisation   –  50 %", "memory        –   4 GB"]
    assert words(load((None, None)), 31) == ["utilisation not reported", "memory      not reported"]
    assert words(load(*[(2e9, 100.0)] * 7, (None, None)), 31) == [
        "utilisation ███████? 100 %",
        "memory      ███████? 2 GB",
    ]


@pytest.mark.parametrize("cells", [31, 40])
@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
def test_every_host_fits(count: int, cells: int) -> None:
    assert len(words(load(*[(141e9, 100.0)] * count), cells)) == 2
    assert all(line.isascii() for line in words(load(*[(141e9, 100.0)] * count), cells, ascii_art=True))
