"""The sampler: what it drew, with which probability, and that nothing else shifts its numbers."""

import pytest
import torch

from remote.training.model import Policy, build_policy
from remote.training.rollout import Rollout, sample, token_logprobs
from remote.vocabulary.run_config import RunConfig


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.manual_seed(0)
    return build_policy(RunConfig(), "01234567", torch.device("cpu"))


def draw(policy: Policy, *, seed: int = 0, temperature: float = 1.0, budget: int = 8) -> Rollout:
    prompts = torch.tensor([policy.codec.encode("314"), policy.codec.encode("765")])
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
    assert rollout.prompts[:16].unique(dim=0).tolist() == [policy.codec.encode("314")]
    assert rollout.rows(torch.tensor([0, 20])).prompts.tolist() == [
        policy.codec.encode("314"),
        policy.codec.encode("765"),
    ]
