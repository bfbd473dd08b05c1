"""Models: a tiny one from nothing, any other by name or path, and names that lead nowhere."""

from pathlib import Path

import httpx2
import pytest
import torch
from huggingface_hub.errors import HfHubHTTPError
from tokenizers import Tokenizer, models, pre_tokenizers
from training_ports import config
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

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
