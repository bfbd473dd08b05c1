"""Evaluating as an action: why not now, and what it would cost, in sentences. Pure."""

from __future__ import annotations

from tui_app.evaluation_plan import Plan, PlanError, planned
from tui_app.render.formats import plural
from tui_app.state.cost import Cost, Prices, gpu_type
from tui_app.state.levels import Level
from tui_app.state.view import RunView


def refuse_evaluation(view: RunView) -> str | None:
    """Why no evaluation can begin."""
    if view.level is not Level.OWN:
        return f"{view.run} is not of our trainer ({view.level}): only its own checkpoints can be scored"
    known = view.evaluation
    if known is not None and known.running:
        return (
            f"an evaluation of step {known.step} is under way ({known.done + known.failed} of "
            f"{plural(known.slices, 'slice')}); wait for it, or cancel it"
        )
    try:
        planned(view)
    except PlanError as error:
        return str(error)
    return None


def refuse_cancel(view: RunView) -> str | None:
    """Why there is none to be cancelled."""
    known = view.evaluation
    return None if known is not None and known.running else f"no evaluation of {view.run} is under way"


def evaluation_costs(view: RunView, hour: Cost | None) -> list[str]:
    """What the usual evaluation would start."""
    return [] if refuse_evaluation(view) is not None else plan_costs(view, planned(view), hour)


def plan_costs(view: RunView, plan: Plan, hour: Cost | None) -> list[str]:
    """What this evaluation would start; ``hour`` is the cost of one container's hour."""
    gpu = "" if view.cpu_demo else gpu_type(view)
    each = f"each with one {gpu}" if gpu else "without a GPU"
    return [
        f"The checkpoint of step {plan.step} answers {plural(plan.prompts, 'held-out prompt')} "
        "that the run never trains on.",
        f"{plural(plan.slices, 'container')} {each}, beside the run: they touch no attempt of it.",
        _paid(plan, gpu, hour),
        "If some fail, the others count; which failed is listed.",
    ]


def cancel_costs(view: RunView, hour: Cost | None) -> list[str]:
    """What ending it would throw away."""
    known = view.evaluation
    if known is None or not known.running:
        return [f"No evaluation of {view.run} is under way; nothing would end."]
    left = known.slices - known.done - known.failed
    return [
        f"{plural(left, 'container')} of the evaluation of step {known.step} end now, without a result.",
        f"What is scored is kept: {known.scored} of {plural(known.prompts, 'prompt')}.",
    ]


def hour_of(view: RunView, prices: Prices) -> Cost:
    """What one container costs an hour."""
    gpu = "" if view.cpu_demo else gpu_type(view)
    price = prices.of(gpu) if gpu else None
    return Cost(gpu=gpu, seconds=3600.0, money=price, currency=prices.currency)


def _paid(plan: Plan, gpu: str, hour: Cost | None) -> str:
    if not gpu:
        return "There is no GPU to pay for (CPU demo); it takes this machine's processors from the run."
    if hour is None or not hour.paid:
        price = f"no price for {gpu}: [prices] in the config"
    else:
        price = f"{hour.paid} an hour each"
    return f"Paid from each container's start to its last prompt: {plan.slices} {gpu} ({price})."
