"""``python -m tests.benchmarks.grpo_worker ours|trl DIRECTORY TOKENS``: one GRPO step for each line read.

A step is a rollout of `SAMPLES` completions and `UPDATES` optimiser steps on them, as the default recipe has
it: ``DIRECTORY`` holds its policy for TRL, ``TOKENS`` is the most that it samples. The answer is one line of
JSON: the seconds that it took. What is not timed is done before the first line is read.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from remote.vocabulary.run_config import RunConfig
from tests.benchmarks.word_model import DIGITS

LEARNING_RATE = 1e-6
"""So small that the policy stays what it is, and both go on sampling completions of the same lengths."""
CONFIG = RunConfig(learning_rate=LEARNING_RATE, warmup_steps=0, steps=10**6, wandb="disabled")
UPDATES, GROUP = CONFIG.minibatches, CONFIG.group_size
SAMPLES = CONFIG.prompts_per_step * GROUP


def ours(directory: Path, tokens: int) -> None:
    """Our learner, which builds the same policy itself."""
    from remote.training.learner import Learner

    learner = Learner(CONFIG)
    for took in _turns():
        learner.step(learner.steps_done + 1)
        took()


def trl(directory: Path, tokens: int) -> None:
    """TRL's trainer: what it spends on logging, evaluation and saving is turned off."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    torch.set_num_threads(1)
    turns = _turns()

    class TakesTurns(TrainerCallback):
        """A turn is what lies between two generations: the first update generates."""

        took: Any = None

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step % UPDATES == 0:
                self.took = next(turns, None)
                control.should_training_stop = self.took is None

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step % UPDATES == 0 and self.took is not None:
                self.took()

    tokenizer = AutoTokenizer.from_pretrained(directory)
    arguments = GRPOConfig(
        output_dir=str(directory / "trl"),
        per_device_train_batch_size=SAMPLES // UPDATES,
        steps_per_generation=UPDATES,
        gradient_accumulation_steps=1,
        num_generations=GROUP,
        max_completion_length=tokens,
        temperature=CONFIG.temperature,
        top_k=0,
        beta=0.0,
        learning_rate=LEARNING_RATE,
        lr_scheduler_type="constant",
        max_steps=10**6,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_num_workers=0,
    )
    trainer = GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32),
        reward_funcs=_reward,
        args=arguments,
        train_dataset=Dataset.from_list([{"prompt": _prompt(n)} for n in range(20_000)]),
        processing_class=tokenizer,
        callbacks=[TakesTurns()],
    )
    trainer.train()


def _prompt(index: int) -> str:
    return " ".join(["^", *Random(f"0/{index}").choices(DIGITS, k=CONFIG.task_length), ">"])


def _reward(prompts: list[str], completions: list[str], **about: Any) -> list[float]:
    """Of digits, positionwise, as the task `sort-digits` gives it."""
    rewards = []
    for prompt, completion in zip(prompts, completions, strict=True):
        wanted, given = sorted(prompt.split()[1:-1]), completion.split()
        right = sum(a == b for a, b in zip(wanted, given, strict=False))
        rewards.append(right / max(len(wanted) + 1, len(given)))
    return rewards


def _turns() -> Iterator[Any]:
    """For each line that is read, what to call when the step is done."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is not an answer
    print(json.dumps("ready"), file=out, flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        yield lambda began=began: print(json.dumps(time.perf_counter() - began), file=out, flush=True)


if __name__ == "__main__":
    {"ours": ours, "trl": trl}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
