"""The alert rules: each in plain words, with what it looks at, how bad it is and which key helps.

    for rule in RULES.values(): print(rule.id, rule.words)

Pure; a table keeps nothing (`tui_app.state.alert_memory` does) and decides nothing about raising or
clearing (`tui_app.state.alerts` does). How a rule judges is in `alert_learning` and `alert_operation`.
"""

from __future__ import annotations

from remote.vocabulary.events import Event
from remote.vocabulary.run_states import SILENT_AFTER_SECONDS
from tui_app.state import alert_learning as learning
from tui_app.state import alert_operation as operation
from tui_app.state.alert_learning import BLOW_UP, ENTROPY_LOW, KL_AT_LEAST
from tui_app.state.alert_memory import REWARD_STEPS
from tui_app.state.alert_operation import (
    CRASHES,
    DISK_CHECKPOINTS,
    LAG_INTERVALS,
    STALL_AT_LEAST_SECONDS,
    STALL_TIMES,
)
from tui_app.state.alert_terms import AlertSeverity, Rule
from tui_app.state.points import STEP

_C, _W = AlertSeverity.CRITICAL, AlertSeverity.WARNING
RULES = {
    rule.id: rule
    for rule in (
        Rule(
            "failed",
            "The run has ended as FAILED.",
            *(_C, "r", ("run.ended", "run.spawned", "attempt.claimed"), operation.failed),
        ),
        Rule(
            "not_finite",
            "Loss, gradient norm, KL or reward is NaN or infinite.",
            *(_C, "x", (STEP,), learning.not_finite),
            calm_looks=5,
        ),
        Rule(
            "silent",
            f"A live attempt gives no sign of life for {SILENT_AFTER_SECONDS:.0f} s, and our link is up.",
            *(_C, "enter", ("",), operation.silent),
            calm_looks=3,
            calm_seconds=30.0,
        ),
        Rule(
            "crash_loop",
            f"{CRASHES} attempts in a row fail without a new commit.",
            *(_W, "x", ("attempt.ended", "volume.committed", "run.spawned"), operation.crash_loop),
        ),
        Rule(
            "backoff_near_exhaustion",
            "At most one retry is left.",
            *(
                _W,
                "enter",
                ("attempt.claimed", "attempt.ended", "retry.scheduled", "run.spawned"),
                operation.backoff,
            ),
        ),
        Rule(
            "step_stall",
            f"No step for {STALL_TIMES:.0f} of the run's median steps, and {STALL_AT_LEAST_SECONDS:.0f} s.",
            *(_W, "enter", ("", STEP), operation.step_stall),
            calm_looks=3,
            raised_by_time=True,
        ),
        Rule(
            "commit_lag",
            f"More than {LAG_INTERVALS} checkpoint intervals of steps are not committed.",
            *(_W, "c", (STEP, "volume.committed"), operation.commit_lag),
        ),
        Rule(
            "reward_collapse",
            f"The reward, over {REWARD_STEPS} steps, has lost more than half of what it had gained.",
            *(_W, "x", (STEP,), learning.reward_collapse),
            firing_looks=3,
            calm_looks=5,
        ),
        Rule(
            "kl_blow_up",
            f"KL is {BLOW_UP:.0f} times its median and above {KL_AT_LEAST:g}.",
            *(
                _W,
                "enter",
                (STEP,),
                learning.against_own_median("mismatch_kl", "KL", lambda view: KL_AT_LEAST),
            ),
            firing_looks=2,
            calm_looks=10,
        ),
        Rule(
            "entropy_collapse",
            f"Entropy is below {ENTROPY_LOW:.0%} of its start, and the reward has gained nothing.",
            *(_W, "x", (STEP,), learning.entropy_collapse),
            firing_looks=3,
            calm_looks=5,
        ),
        Rule(
            "grad_norm_spike",
            f"The gradient norm is {BLOW_UP:.0f} times its median and twice the clip.",
            *(
                _W,
                "enter",
                (STEP,),
                learning.against_own_median("grad_norm", "gradient norm", learning.grad_floor),
            ),
            calm_looks=20,
        ),
        Rule(
            "gpu_mismatch",
            "Fewer or more GPUs are present than were requested (not for the CPU demo).",
            *(_W, "enter", ("gpu.found",), operation.gpu_mismatch),
        ),
        Rule(
            "disk_filling",
            f"The run's disk has less than {DISK_CHECKPOINTS} checkpoints, or 1 GB, left.",
            *(_W, "enter", ("host.sampled",), operation.disk_filling),
            calm_looks=3,
        ),
    )
}
"""Every rule by its id, the worst first."""

_BY_TYPE: dict[str, tuple[Rule, ...]] = {
    type_: tuple(rule for rule in RULES.values() if type_ in rule.types)
    for type_ in {type_ for rule in RULES.values() for type_ in rule.types}
}


def rules_for(event: Event | None) -> tuple[Rule, ...]:
    """The rules that an event, or the passing of time, can say something about."""
    return _BY_TYPE.get(event.type if event is not None else "", ())
