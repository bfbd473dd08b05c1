"""The sampler: what it drew, with which probability, and that nothing else shifts its numbers."""

from typing import Any

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
)

from remote.training.model import Policy, build_policy
from remote.training.rollout import Prompts, Rollout, sample, token_logprobs
from remote.vocabulary.run_config import RunConfig

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.manual_seed(0)
    return build_policy(RunConfig(), "01234567", torch.device("cpu"))


def draw(policy: Policy, *, seed: int = 0, temperature: float = 1.0, budget: int = 8) -> Rollout:
    prompts = Prompts.of([policy.codec.encode("314"), policy.codec.encode("765")], policy.codec.pad, CPU)
    return sample(
        policy.model,
        prompts,
        group=16,
        budget=budget,
        temperature=temperature,
        end=policy.codec.end,
        pad=policy.codec.pad,
        generator=torch.Generator().manual_seed(seed),
    )


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_cache_gives_the_probabilities_of_the_whole_sequence(policy: Policy, temperature: float) -> None:
    rollout = draw(policy, temperature=temperature)
    logprobs, entropy = token_logprobs(policy.model, rollout, temperature)
    seen = rollout.mask > 0
    torch.testing.assert_close(logprobs[seen], rollout.logprobs[seen], atol=1e-5, rtol=0)
    assert entropy.shape == rollout.mask.shape
    assert bool((entropy > 0).all())


def test_the_same_seed_draws_the_same_whatever_the_global_generator_does(policy: Policy) -> None:
    torch.manual_seed(1)
    first = draw(policy)
    torch.manual_seed(2)
    assert torch.equal(draw(policy).completions, first.completions)
    assert not torch.equal(draw(policy, seed=1).completions, first.completions)


def test_a_completion_counts_up_to_its_end_and_is_padded_after_it(policy: Policy) -> None:
    rollout = draw(policy)
    ended = 0
    for tokens, mask in zip(rollout.completions.tolist(), rollout.mask.tolist(), strict=True):
        length = int(sum(mask))
        assert mask == [1.0] * length + [0.0] * (len(mask) - length)
        assert policy.codec.end not in tokens[: length - 1]
        assert set(tokens[length:]) <= {policy.codec.pad}
        ended += tokens[length - 1] == policy.codec.end
    assert ended


def test_completions_of_a_prompt_are_neighbours_and_within_the_budget(policy: Policy) -> None:
    rollout = draw(policy, budget=3)
    assert rollout.completions.shape == (32, 3)
    assert rollout.prompts.ids[:16].unique(dim=0).tolist() == [policy.codec.encode("314")]
    assert rollout.rows(torch.tensor([0, 20])).prompts.ids.tolist() == [
        policy.codec.encode("314"),
        policy.codec.encode("765"),
    ]


def small(kind: str) -> Any:
    """A model with random weights, large enough that every position counts."""
    torch.manual_seed(3)
    if kind == "llama":
        shape = LlamaConfig(
            vocab_size=16, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=64,
        )  # fmt: skip
        return LlamaForCausalLM(shape).eval()
    if kind == "opt":
        shape_of_opt = OPTConfig(
            vocab_size=16, hidden_size=32, ffn_dim=64, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=64, word_embed_proj_dim=32,
        )  # fmt: skip
        return OPTForCausalLM(shape_of_opt).eval()
    return GPT2LMHeadModel(GPT2Config(vocab_size=16, n_positions=64, n_embd=32, n_layer=2, n_head=4)).eval()


UNEQUAL = [[3, 4], [5, 6, 7, 8, 9], [2]]


def completed(model: Any, prompts: list[list[int]]) -> Rollout:
    return sample(
        model, Prompts.of(prompts, 0, CPU), group=2, budget=6, temperature=1.0, end=1, pad=0, generator=None
    )


@pytest.mark.parametrize("kind", ["llama", "gpt2", "opt"])
def test_a_prompt_among_longer_ones_is_completed_as_if_it_were_alone(kind: str) -> None:
    model = small(kind)
    together = completed(model, UNEQUAL)
    for number, prompt in enumerate(UNEQUAL):
        alone = completed(model, [prompt])
        for row in (2 * number, 2 * number + 1):
            length = int(alone.mask[0].sum())
            assert together.completions[row, :length].tolist() == alone.completions[0, :length].tolist()
            torch.testing.assert_close(
                together.logprobs[row, :length], alone.logprobs[0, :length], atol=1e-4, rtol=0
            )


@pytest.mark.parametrize("kind", ["llama", "gpt2", "opt"])
def test_the_update_sees_padded_prompts_as_the_sampler_did(kind: str) -> None:
    model = small(kind)
    rollout = completed(model, UNEQUAL)
    logprobs, _ = token_logprobs(model, rollout, 1.0)
    seen = rollout.mask > 0
    torch.testing.assert_close(logprobs[seen], rollout.logprobs[seen], atol=1e-4, rtol=0)
    part = rollout.rows(torch.tensor([1, 4]))
    again, _ = token_logprobs(model, part, 1.0)
    torch.testing.assert_close(again, logprobs[torch.tensor([1, 4])], atol=1e-4, rtol=0)


def test_prompts_of_one_length_need_no_mask(policy: Policy) -> None:
    assert Prompts.of([[1, 2], [3, 4]], 0, CPU).mask is None
    padded = Prompts.of([[1, 2], [3]], 0, CPU)
    assert padded.ids.tolist() == [[1, 2], [0, 3]]
    assert padded.mask is not None
    assert padded.mask.tolist() == [[1, 1], [0, 1]]


def test_without_a_generator_the_likeliest_token_is_taken_and_no_random_number(policy: Policy) -> None:
    before = torch.get_rng_state()
    prompts = Prompts.of([policy.codec.encode("314")], policy.codec.pad, CPU)
    about = {"budget": 4, "temperature": 1.0, "end": policy.codec.end, "pad": policy.codec.pad}
    rollout = sample(policy.model, prompts, group=3, generator=None, **about)
    assert rollout.completions.unique(dim=0).shape[0] == 1
    assert torch.equal(torch.get_rng_state(), before)
