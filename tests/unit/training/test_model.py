"""Models: a tiny one from nothing, any other by name or path, and names that lead nowhere."""

from pathlib import Path

import httpx2
import pytest
import torch
from huggingface_hub.errors import HfHubHTTPError
from tokenizers import Tokenizer, models, pre_tokenizers
from training_ports import config
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from remote.training.errors import NonRetryableError, UnknownModelError
from remote.training.learner import Learner
from remote.training.model import _hub_is_down, build_policy
from remote.vocabulary.run_config import RunConfig

WORDS = {word: i for i, word in enumerate([*"01234567", "=", "<end>", "<unk>"])}


@pytest.fixture
def a_small_gpt2(tmp_path: Path) -> Path:
    """A GPT-2 with tied weights, dropout and a tokenizer, as somebody might have it on disk."""
    words = Tokenizer(models.WordLevel(WORDS, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()  # type: ignore[assignment]
    path = tmp_path / "gpt2"
    PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>").save_pretrained(path)
    shape = GPT2Config(vocab_size=len(WORDS), n_positions=64, n_embd=32, n_layer=1, n_head=2)
    GPT2LMHeadModel(shape).save_pretrained(path)
    return path


def test_the_tiny_model_is_made_of_nothing_and_always_the_same() -> None:
    def weights() -> torch.Tensor:
        torch.manual_seed(5)
        policy = build_policy(RunConfig(), "01234567", torch.device("cpu"))
        return torch.cat([p.detach().flatten() for p in policy.model.parameters()])

    assert len(weights()) == 108_352
    assert torch.equal(weights(), weights())


def test_a_model_on_disk_is_trained_with_its_own_tokenizer_and_resumes_exactly(
    a_small_gpt2: Path, tmp_path: Path
) -> None:
    wanted = config(model=str(a_small_gpt2), steps=3)
    whole, resumed = Learner(wanted), Learner(wanted)
    first = whole.step(1)
    assert len(first.samples[0]["prompt"]) == 3
    (tmp_path / "c").mkdir()
    for name, write in whole.files().items():
        write(tmp_path / "c" / name)
    resumed.load(tmp_path / "c")
    assert resumed.step(2).metrics["loss"] == whole.step(2).metrics["loss"]


def words_of(path: Path, vocabulary: dict[str, int], **about: str) -> None:
    """A tokenizer that knows these words, saved beside a model."""
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(True)])  # type: ignore[assignment]
    PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<end>", unk_token="<unk>", **about
    ).save_pretrained(path)


@pytest.fixture
def a_small_llama(tmp_path: Path) -> Path:
    """A Llama that reads words, with padding of its own."""
    vocabulary = {
        w: i
        for i, w in enumerate(["<pad>", "<end>", "<unk>", "=", *"0123456789+", *"abcdefgh", "Answer", ":"])
    }
    path = tmp_path / "llama"
    words_of(path, vocabulary, pad_token="<pad>")
    shape = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
    )  # fmt: skip
    LlamaForCausalLM(shape).save_pretrained(path)
    return path


@pytest.mark.parametrize("task", ["sort-digits", "reverse-text", "add-numbers"])
def test_a_model_with_its_own_tokenizer_does_every_task_and_resumes_exactly(
    a_small_llama: Path, tmp_path: Path, task: str
) -> None:
    wanted = config(model=str(a_small_llama), task=task, steps=2)
    whole, resumed = Learner(wanted), Learner(wanted)
    whole.step(1)
    (tmp_path / "c").mkdir()
    for name, write in whole.files().items():
        write(tmp_path / "c" / name)
    assert resumed.load(tmp_path / "c") == []
    second, again = whole.step(2), resumed.step(2)
    assert again.metrics["loss"] == second.metrics["loss"]
    assert [s["completion"] for s in again.samples] == [s["completion"] for s in second.samples]


def test_a_tokenizer_that_lacks_the_tasks_symbols_ends_the_run_at_once(a_small_gpt2: Path) -> None:
    with pytest.raises(NonRetryableError, match=r"cannot do task reverse-text: its tokenizer has no tokens"):
        Learner(config(model=str(a_small_gpt2), task="reverse-text"))


def test_a_model_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mute"
    GPT2LMHeadModel(
        GPT2Config(vocab_size=8, n_positions=8, n_embd=8, n_layer=1, n_head=1, bos_token_id=0, eos_token_id=0)
    ).save_pretrained(path)
    with pytest.raises(NonRetryableError, match="mute"):
        Learner(config(model=str(path)))


def test_a_question_is_followed_by_where_the_answer_begins(a_small_llama: Path) -> None:
    codec = build_policy(config(model=str(a_small_llama)), "", torch.device("cpu")).codec
    assert codec.reads("1 + 2")
    assert not codec.reads("how much is 1 + 2")
    ids = codec.encode("1 + 2")
    assert codec.decode(ids).split() == ["1", "+", "2", "Answer", ":"]
    assert codec.decode([*ids[:3], codec.end]) == codec.decode(ids[:3])


def test_a_chat_model_is_asked_as_it_was_taught(a_small_llama: Path) -> None:
    template = (
        "{% for m in messages %}a {{ m.content }} b{% endfor %}{% if add_generation_prompt %} c{% endif %}"
    )
    words_of(
        a_small_llama,
        {w: i for i, w in enumerate(["<pad>", "<end>", "<unk>", *"abc123+"])},
        chat_template=template,
    )
    codec = build_policy(config(model=str(a_small_llama)), "", torch.device("cpu")).codec
    assert codec.decode(codec.encode("1 + 2")).split() == ["a", "1", "+", "2", "b", "c"]


@pytest.mark.parametrize("kind", ["a path to nothing", "a directory without a model"])
def test_a_model_that_is_not_there_is_named(tmp_path: Path, kind: str) -> None:
    if kind == "a directory without a model":
        (tmp_path / "no-model").mkdir()
    with pytest.raises(UnknownModelError, match="no-model") as caught:
        Learner(config(model=str(tmp_path / "no-model")))
    assert isinstance(caught.value, NonRetryableError)


def test_a_name_that_is_not_in_the_cache_of_an_offline_machine_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UnknownModelError, match="nobody/no-model"):
        Learner(config(model="nobody/no-model"))


def answer(status: int) -> HfHubHTTPError:
    request = httpx2.Request("HEAD", "https://hub.example/nobody/no-model")
    return HfHubHTTPError("answered", response=httpx2.Response(status, request=request))


@pytest.mark.parametrize(
    ("cause", "down"),
    [
        (httpx2.ConnectError("no route"), True),
        (httpx2.ReadTimeout("slow"), True),
        (answer(503), True),
        (answer(429), True),
        (answer(404), False),
        (answer(401), False),
        (FileNotFoundError("no such file"), False),
    ],
)
def test_a_hub_that_does_not_answer_is_told_from_a_name_that_it_does_not_know(
    cause: Exception, down: bool
) -> None:
    error = OSError("cannot load")
    error.__cause__ = cause
    assert _hub_is_down(error) is down
