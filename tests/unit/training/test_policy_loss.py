"""The loss against values worked out by hand."""

import math

import pytest
import torch
from torch import Tensor

from remote.training.loss import LossInputs, LossOutputs, group_advantages, policy_loss
from remote.vocabulary.run_config import RunConfig

PLAIN = RunConfig(kl_tau=0.0, entropy_bonus=0.0)
CLIP = RunConfig(kl_tau=0.0, entropy_bonus=0.0, loss="clip")


def one_token(now: float, sampled: float, advantage: float, config: RunConfig = PLAIN) -> LossOutputs:
    """The loss of one token with these probabilities."""
    logprob = torch.tensor([[math.log(now)]], requires_grad=True)
    return policy_loss(
        LossInputs(
            logprob,
            torch.tensor([[math.log(sampled)]]),
            torch.tensor([[0.5]]),
            torch.tensor([advantage]),
            torch.ones(1, 1),
        ),
        config,
    )


def value(tensor: Tensor) -> float:
    return float(tensor.detach())


def test_on_policy_the_loss_is_the_negative_advantage() -> None:
    outputs = one_token(0.5, 0.5, 1.5)
    assert value(outputs.loss) == pytest.approx(-1.5)
    assert value(outputs.metrics["mismatch_kl"]) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("now", "sampled", "advantage", "masked"),
    [
        (0.75, 0.5, 1.0, 1.0),
        (0.65, 0.5, 1.0, 0.0),
        (0.75, 0.5, -1.0, 0.0),
        (0.25, 0.5, -1.0, 1.0),
        (0.35, 0.5, -1.0, 0.0),
        (0.25, 0.5, 1.0, 0.0),
        (0.04, 0.01, 1.0, 0.0),
    ],
)
def test_a_token_is_masked_when_its_probability_moved_too_far_its_way(
    now: float, sampled: float, advantage: float, masked: float
) -> None:
    outputs = one_token(now, sampled, advantage)
    assert value(outputs.metrics["masked_fraction"]) == masked
    assert value(outputs.loss) == pytest.approx(0.0 if masked else -advantage * now / sampled)


def test_a_masked_token_gives_no_gradient() -> None:
    logprob = torch.tensor([[math.log(0.9)]], requires_grad=True)
    sampled, ones = torch.tensor([[math.log(0.5)]]), torch.ones(1, 1)
    outputs = policy_loss(LossInputs(logprob, sampled, torch.zeros(1, 1), torch.tensor([1.0]), ones), PLAIN)
    outputs.loss.backward()
    assert logprob.grad is not None
    assert value(logprob.grad) == 0.0


@pytest.mark.parametrize(
    ("now", "sampled", "advantage", "loss", "clipped"),
    [
        (0.9, 0.5, 1.0, -1.2, 1.0),
        (0.55, 0.5, 1.0, -1.1, 0.0),
        (0.9, 0.5, -1.0, 1.8, 0.0),
        (0.1, 0.5, -1.0, 0.8, 1.0),
    ],
)
def test_the_clipped_loss_takes_the_smaller_gain(
    now: float, sampled: float, advantage: float, loss: float, clipped: float
) -> None:
    outputs = one_token(now, sampled, advantage, CLIP)
    assert value(outputs.loss) == pytest.approx(loss)
    assert value(outputs.metrics["masked_fraction"]) == clipped


def test_the_pull_and_the_entropy_bonus_enter_as_written() -> None:
    config = RunConfig(kl_tau=0.1, entropy_bonus=0.2)
    outputs = one_token(0.6, 0.5, 0.0, config)
    log_ratio = math.log(0.6 / 0.5)
    assert value(outputs.loss) == pytest.approx(0.1 * log_ratio**2 - 0.2 * 0.5)
    assert value(outputs.metrics["mismatch_kl"]) == pytest.approx(1.2 - log_ratio - 1, abs=1e-6)


def test_padding_counts_for_nothing_and_every_token_the_same() -> None:
    shape = (2, 3)
    mask = torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    noise = torch.where(mask > 0, torch.zeros(shape), torch.full(shape, 3.0))
    outputs = policy_loss(
        LossInputs(noise, torch.zeros(shape), torch.zeros(shape), torch.tensor([3.0, -1.0]), mask), PLAIN
    )
    assert value(outputs.loss) == pytest.approx(-(3.0 * 1 - 1.0 * 3) / 4)


@pytest.mark.parametrize(("now", "loss"), [(0.8, -1.5), (0.6, -1.2), (0.3, -0.6)])
def test_the_ratio_is_clipped_at_its_own_bounds(now: float, loss: float) -> None:
    config = RunConfig(kl_tau=0.0, entropy_bonus=0.0, loss="clip", clip_low=0.1, clip_high=0.5, mask_high=0.0)
    assert value(one_token(now, 0.5, 1.0, config).loss) == pytest.approx(loss)
    clipped_below = one_token(0.3, 0.5, -1.0, config)
    assert value(clipped_below.loss) == pytest.approx(0.9)


def test_the_mask_does_not_look_at_the_clips_bounds() -> None:
    config = RunConfig(kl_tau=0.0, entropy_bonus=0.0, clip_low=0.0, clip_high=0.0)
    assert value(one_token(0.65, 0.5, 1.0, config).loss) == pytest.approx(-1.3)


def test_advantages_are_relative_to_the_group_in_units_of_its_spread() -> None:
    advantages = group_advantages(torch.tensor([[0.0, 1.0], [0.5, 0.5]]), std=True)
    spread = math.sqrt(0.5) + 1e-4
    assert advantages.tolist() == [pytest.approx([-0.5 / spread, 0.5 / spread]), [0.0, 0.0]]


def test_without_the_standard_deviation_advantages_are_differences_of_rewards() -> None:
    advantages = group_advantages(torch.tensor([[0.0, 1.0], [0.4, 0.6]]), std=False)
    assert advantages.tolist() == [[-0.5, 0.5], pytest.approx([-0.1, 0.1])]
