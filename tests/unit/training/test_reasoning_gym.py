"""Tasks in English: refused clearly where they cannot be done, right where they can."""

import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from training_ports import Run, config
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from remote.training.errors import NonRetryableError
from remote.training.learner import Learner
from remote.training.task import HELD_OUT_FROM, build_task
from remote.vocabulary.run_config import RunConfig

CONFIG = RunConfig(task="reasoning-gym:letter_counting", model="some/model")


def test_without_the_package_the_run_ends_at_once_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(NonRetryableError, match="needs the package reasoning-gym in the trainer's image"):
        build_task(CONFIG)


def test_the_run_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    run = Run(tmp_path_factory.mktemp("gym") / "c", CONFIG)
    outcome = run.session().run()
    assert (outcome.state, outcome.reason) == ("FAILED", "user_error")
    assert run.recorder.one("exception.raised")["retryable"] is False


def reads_bytes(path: Path) -> None:
    """A small Llama whose tokenizer knows every byte, saved as any model of Hugging Face is."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: i for i, letter in enumerate([*letters, "<end>"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()  # type: ignore[assignment]
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>").save_pretrained(path)
    shape = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=512,
    )  # fmt: skip
    LlamaForCausalLM(shape).save_pretrained(path)


class TestWithThePackage:
    @pytest.fixture(autouse=True)
    def _package(self) -> None:
        pytest.importorskip("reasoning_gym")

    def test_an_example_depends_on_seed_and_index_alone(self) -> None:
        task = build_task(CONFIG)
        first = task.example(1234).prompt
        for index in (0, 9999, 501, HELD_OUT_FROM):
            task.example(index)
        assert task.example(1234).prompt == first == build_task(CONFIG).example(1234).prompt
        assert task.example(1234).prompt != task.example(1235).prompt
        assert task.example(HELD_OUT_FROM).prompt != task.example(0).prompt

    def test_the_right_answer_has_the_whole_reward_also_between_tags(self) -> None:
        task = build_task(CONFIG)
        example = task.example(3)
        assert task.score(example, f" {example.answer}\n", ended=True) == (1.0, True)
        tagged = f"I counted. <answer>{example.answer}</answer>"
        assert task.score(example, tagged, ended=True) == (1.0, True)
        assert task.score(example, "no idea", ended=True) == (0.0, False)

    def test_a_model_that_reads_english_is_trained_on_prompts_of_any_length(self, tmp_path: Path) -> None:
        reads_bytes(tmp_path / "model")
        about = {"task": "reasoning-gym:letter_counting", "model": str(tmp_path / "model"), "steps": 2}
        learner = Learner(config(completion_tokens=8, **about))
        assert len({len(sample["prompt"]) for sample in learner.step(1).samples}) > 1
        (tmp_path / "c").mkdir()
        for name, write in learner.files().items():
            write(tmp_path / "c" / name)
        resumed = Learner(config(completion_tokens=8, **about))
        resumed.load(tmp_path / "c")
        assert resumed.step(2).metrics["loss"] == learner.step(2).metrics["loss"]

    def test_a_dataset_that_does_not_exist_is_named(self) -> None:
        with pytest.raises(NonRetryableError, match="no usable dataset 'chess_by_mail'"):
            build_task(RunConfig(task="reasoning-gym:chess_by_mail", model="some/model"))
