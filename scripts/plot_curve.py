"""The reward curve of the default recipe, from real runs of its learner.

    python scripts/plot_curve.py                               # three seeds, about a minute of one core each
    python scripts/plot_curve.py --events curve.jsonl          # the same, and keep what was drawn
    python scripts/plot_curve.py --from curve.jsonl            # draw again what was kept

Each seed trains in a process of its own, without a checkpoint or a cloud, and says `step.completed` in the
words of `remote.vocabulary.events`; the picture is made from those lines alone. Seconds are the processor
time of the process, imports left out: what one core would have taken if nobody else had used it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from remote.vocabulary.events import TRAINER, Event, decode, encode  # noqa: E402
from remote.vocabulary.run_config import RunConfig  # noqa: E402

PICTURE = ROOT / "screenshots" / "reward-curve.svg"
GOAL = 0.9
LAST = 10
COLOURS = ("#2563a8", "#c2410c", "#2f7d4f")
WIDTH, HEIGHT = 960, 520
LEFT, RIGHT, TOP, BOTTOM = 76, 250, 78, 62
INK, MUTED, LINE = "#1f2430", "#667085", "#e4e7ec"


def train(seed: int) -> None:
    """One run of the default config on stdout, an event a line."""
    from remote.training.learner import Learner

    config = RunConfig(seed=seed)
    began = time.process_time()
    learner = Learner(config)
    for number in range(1, config.steps + 1):
        record = learner.step(number)
        spent = time.process_time() - began
        event = Event(
            run=f"{config.task}-seed-{seed}",
            attempt=1,
            source=TRAINER,
            seq=number,
            t=time.time(),
            mono=time.monotonic(),
            type="step.completed",
            data={"step": number, "of": config.steps, "metrics": record.metrics | {"cpu_seconds": spent}},
        )
        print(encode(event).decode(), flush=True)


class Curve:
    """One seed's rewards by step, and the processor seconds at which each step was done."""

    def __init__(self, run: str, events: list[Event]) -> None:
        self.name = "seed " + run.rpartition("-")[2]
        metrics = [event.data["metrics"] for event in sorted(events, key=lambda e: e.data["step"])]
        self.rewards = [float(each["reward/mean"]) for each in metrics]
        self.seconds = [float(each["cpu_seconds"]) for each in metrics]

    @property
    def goal_step(self) -> int | None:
        """The first step at which the mean of the last ten rewards is at the goal."""
        means = (sum(self.rewards[n - LAST : n]) / LAST for n in range(LAST, len(self.rewards) + 1))
        return next((n for n, mean in enumerate(means, start=LAST) if mean >= GOAL), None)

    @property
    def last(self) -> float:
        """Mean reward of the last ten steps."""
        return sum(self.rewards[-LAST:]) / LAST

    def summary(self) -> str:
        step = self.goal_step
        reached = (
            "goal not reached" if step is None else f"{GOAL} in {self.seconds[step - 1]:.0f} s, step {step}"
        )
        return f"{reached}; last {LAST} steps {self.last:.3f}, {self.seconds[-1]:.0f} s in all"


def picture(curves: list[Curve]) -> str:
    """The curves as SVG, with axes, the goal and a legend."""
    steps = max(len(curve.rewards) for curve in curves)
    inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(step: float) -> float:
        return LEFT + inner_width * step / steps

    def y(reward: float) -> float:
        return TOP + inner_height * (1 - reward)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-family="Inter, Helvetica, Arial, sans-serif" font-size="13" fill="{INK}">',
        f"<title>Reward by step, {len(curves)} seeds</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        text(LEFT, 34, "Reward of the default recipe: sorting six digits", size=19, weight=600),
        text(LEFT, 56, "tiny Llama from random weights, GRPO, 512 completions a step, one core", fill=MUTED),
    ]
    for tenth in range(0, 11, 2):
        height = y(tenth / 10)
        parts.append(f'<path d="M{LEFT} {height:.1f}H{WIDTH - RIGHT}" stroke="{LINE}"/>')
        parts.append(text(LEFT - 12, height + 4.5, f"{tenth / 10:.1f}", anchor="end", fill=MUTED))
    for step in range(0, steps + 1, max(1, steps // 5)):
        parts.append(
            f'<path d="M{x(step):.1f} {TOP + inner_height}v5" stroke="{MUTED}"/>'
            + text(x(step), TOP + inner_height + 22, str(step), anchor="middle", fill=MUTED)
        )
    parts += [
        f'<path d="M{LEFT} {y(GOAL):.1f}H{WIDTH - RIGHT}" stroke="{MUTED}" stroke-dasharray="5 5"/>',
        text(LEFT + 8, y(GOAL) - 7, f"goal {GOAL}", fill=MUTED, size=12),
        f'<path d="M{LEFT} {TOP}V{TOP + inner_height}H{WIDTH - RIGHT}" fill="none" stroke="{MUTED}"/>',
        text(LEFT + inner_width / 2, HEIGHT - 16, "optimiser step", anchor="middle"),
        text(0, 0, "mean reward", anchor="middle", at=f"translate(26 {TOP + inner_height / 2}) rotate(-90)"),
    ]
    for number, curve in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(f"{x(n):.1f},{y(r):.1f}" for n, r in enumerate(curve.rewards, start=1))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.3" '
            'stroke-linejoin="round" stroke-opacity="0.9"/>'
        )
        parts += legend(curve, colour, WIDTH - RIGHT + 28, TOP + 16 + 96 * number)
    for number, curve in enumerate(curves):
        if (goal := curve.goal_step) is not None:
            colour = COLOURS[number % len(COLOURS)]
            parts.append(
                f'<circle cx="{x(goal):.1f}" cy="{y(GOAL):.1f}" r="5" fill="{colour}" stroke="#ffffff" '
                'stroke-width="1.5"/>'
            )
    notes = (f"● mean of {LAST} steps reaches {GOAL}", "seconds are processor time")
    parts += [
        text(WIDTH - RIGHT + 28, TOP + inner_height - 22 + 20 * line, note, fill=MUTED, size=12)
        for line, note in enumerate(notes)
    ]
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def legend(curve: Curve, colour: str, left: float, top: float) -> list[str]:
    goal = curve.goal_step
    when = "goal not reached" if goal is None else f"{GOAL} after {curve.seconds[goal - 1]:.0f} s"
    return [
        f'<path d="M{left} {top - 4.5}h22" stroke="{colour}" stroke-width="2.5"/>',
        text(left + 32, top, curve.name, weight=600),
        text(left + 32, top + 21, when),
        text(left + 32, top + 40, f"last {LAST} steps: {curve.last:.3f}"),
        text(left + 32, top + 59, f"{len(curve.rewards)} steps: {curve.seconds[-1]:.0f} s", fill=MUTED),
    ]


def text(
    left: float, top: float, words: str, *, anchor: str = "start", size: int = 13, weight: int = 400,
    fill: str = INK, at: str = "",
) -> str:  # fmt: skip
    where = f'transform="{at}"' if at else f'x="{left:.1f}" y="{top:.1f}"'
    return (
        f'<text {where} text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" fill="{fill}">'
        f"{escape(words)}</text>"
    )


def run_seed(seed: int) -> list[Event]:
    command = [sys.executable, str(Path(__file__).resolve()), "--train", str(seed)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=os.environ)
    return [decode(line) for line in done.stdout.splitlines() if line.startswith(b"{")]


def curves_of(events: list[Event]) -> list[Curve]:
    runs = sorted({event.run for event in events})
    return [Curve(run, [event for event in events if event.run == run]) for run in runs]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=PICTURE)
    parser.add_argument("--events", type=Path, help="keep the events here")
    parser.add_argument("--from", type=Path, dest="source", help="draw these events, train nothing")
    parser.add_argument("--train", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.train is not None:
        train(asked.train)
        return
    if asked.source:
        events = [decode(line) for line in asked.source.read_bytes().splitlines()]
    else:
        events = [event for seed in asked.seeds for event in run_seed(seed)]
    if asked.events:
        asked.events.write_bytes(b"".join(encode(event) + b"\n" for event in events))
    curves = curves_of(events)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(picture(curves))
    for curve in curves:
        print(f"{curve.name}: {curve.summary()}")


if __name__ == "__main__":
    main()
