"""Tells an evaluation that was asked for into a run's journal, as the watcher does."""

from __future__ import annotations

from typing import Any

from run_story import RunStory

LOST = "its container ended without a word, for good"


class AskedEvaluation:
    """Of ``slices`` slices with ``each`` prompts; its words are ``pace`` seconds apart."""

    def __init__(
        self,
        story: RunStory,
        *,
        id: str = "in-1",
        slices: int = 4,
        each: int = 64,
        gpu: str = "",
        pace: float = 2.0,
    ) -> None:
        self.story, self.id, self.slices, self.each, self.pace = story, id, slices, each, pace
        self.began, self.done, self.failed = story.t, 0, 0
        self._say(
            "started",
            name=story.committed_name,
            prompts=slices * each,
            slices=slices,
            gpu=gpu,
            by="ana",
            host="jump1",
        )

    def scores(self, slices: int = 1) -> AskedEvaluation:
        for _ in range(slices):
            self.done += 1
            self.story.wait(self.pace)
            self._say("progressed", **self._count())
        return self

    def loses(self, slice: int, error: str = LOST) -> AskedEvaluation:
        self.failed += 1
        self.story.wait(self.pace)
        last = slice * self.each
        self._say("slice_failed", slice=slice, first=last - self.each + 1, last=last, error=error)
        self._say("progressed", **self._count())
        return self

    def ends(self, outcome: str, reward: float = 0.7) -> AskedEvaluation:
        count = self._count()
        found: dict[str, float] = {"reward/mean": reward, "exact_match": reward - 0.2}
        found |= {"prompts": count["scored"], "seconds": count["seconds"]}
        metrics = found if self.done else {}
        self._say("ended", outcome=outcome, slices=self.slices, metrics=metrics, **count)
        return self

    def _count(self) -> dict[str, Any]:
        scored, seconds = self.done * self.each, round(self.story.t - self.began, 3)
        return {"done": self.done, "failed": self.failed, "scored": scored, "seconds": seconds}

    def _say(self, kind: str, **data: Any) -> None:
        self.story.infer(f"evaluation.{kind}", id=self.id, step=self.story.committed, **data)
