"""What the tests of the wider surface deploy: maps, generators, concurrency, batches, parameters, scaling."""

import asyncio
import os
import time

import modal

app = modal.App("wide")
notes = modal.Dict.from_name("wide", create_if_missing=True)
SLOW = modal.Retries(max_retries=2, initial_delay=1.0, backoff_coefficient=1.0)


def begin(name: str) -> int:
    starts = [*notes.get(f"{name}/starts", []), [time.time(), os.environ["MODAL_TASK_ID"]]]
    notes[f"{name}/starts"] = starts
    return len(starts)


@app.function(max_containers=8)
def every_twentieth_fails(number: int) -> list:
    if number % 20 == 7:
        raise ValueError(f"{number} fails")
    return [number * number, os.environ["MODAL_TASK_ID"]]


@app.function(max_containers=1)
def later_is_faster(number: int, factor: int = 1) -> int:
    return number * factor


@app.function(retries=SLOW)
def fail(name: str, times: int) -> int:
    start = begin(name)
    if start <= times:
        raise ValueError(f"start {start} fails")
    return start


@app.function()
def die(name: str) -> None:
    begin(name)
    os._exit(3)


@app.function(timeout=120)
def count_up(count: int):
    yield from range(count)


@app.function(max_containers=1)
@modal.concurrent(max_inputs=4)
async def meet(name: str, number: int) -> str:
    """Return only when four of us are here at once."""
    await notes.put.aio(f"{name}/{number}", True)
    while not all([await notes.contains.aio(f"{name}/{n}") for n in range(4)]):
        await asyncio.sleep(0.05)
    return os.environ["MODAL_TASK_ID"]


@app.function(max_containers=1)
@modal.batched(max_batch_size=4, wait_ms=2000)
def together(numbers: list[int]) -> list[int]:
    return [len(numbers)] * len(numbers)


@app.function(single_use_containers=True)
def once() -> str:
    return os.environ["MODAL_TASK_ID"]


@app.function(scaledown_window=2)
def leaves_soon() -> str:
    return os.environ["MODAL_TASK_ID"]


@app.function()
def task() -> str:
    return os.environ["MODAL_TASK_ID"]


@app.function(startup_timeout=1, timeout=60)
def never_ready() -> None:
    pass


@app.cls(scaledown_window=60)
class Greeter:
    word: str = modal.parameter(default="hello")
    times: int = modal.parameter(default=1)

    @modal.enter()
    def prepare(self) -> None:
        self.phrase = " ".join([self.word] * self.times)

    @modal.method()
    def greet(self) -> list:
        return [self.phrase, os.environ["MODAL_TASK_ID"], os.environ.get("GREETING", "")]

    @modal.method()
    def hold(self, name: str) -> int:
        start = begin(name)
        while True:
            time.sleep(0.02)
        return start


@app.local_entrypoint()
def main(count: int = 3) -> None:
    print("sum:", sum(result for result in later_is_faster.map(range(count))))
