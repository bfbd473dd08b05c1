"""Which classes have a template: a process that has loaded them, from which containers are forked.

``LOCAL_CLOUD_TEMPLATES`` says how many there may be; 0, the default, leaves the starts to cold ones and
warm spares of their own. A class with a memory snapshot gets one unless its process says that it cannot be
forked safely (see `template_process`); then its app's log says why. A template that dies is started again
after a growing delay; the containers forked from it live on.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from remote.local_cloud.logs import SYSTEM, Origin
from remote.local_cloud.template import Template

if TYPE_CHECKING:
    from remote.local_cloud.cloud import Cloud
    from remote.local_cloud.function import Function

log = logging.getLogger(__name__)

SETTING = "LOCAL_CLOUD_TEMPLATES"
DEATHS_ALLOWED = 3


def suits(function: Function) -> bool:
    """Whether it is worth trying: a class, all its parameters known."""
    definition = function.definition
    return definition.is_class and not definition.is_server and not function.has_parameters


class Templates:
    """All templates of a cloud, by the key of their function; ``most`` is how many there may be."""

    def __init__(self, cloud: Cloud, most: int | None = None) -> None:
        self._cloud = cloud
        self.most = int(os.environ.get(SETTING, 0)) if most is None else most
        self._all: dict[str, Template] = {}
        self._refused: dict[str, str] = {}
        self._deaths: Counter[str] = Counter()
        self._not_before: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def ready(self, key: str) -> Template | None:
        """The template to fork from now, None if there is none."""
        template = self._all.get(key)
        return template if template is not None and template.ready else None

    def may_come(self, function: Function) -> bool:
        """Whether a function may yet have a template, so that a spare had better wait for it."""
        ready = {key for key, template in self._all.items() if template.ready}
        known = function.key in ready or function.key in self._refused
        return suits(function) and not known and len(ready) < self.most

    def report(self) -> dict[str, Any]:
        """For `status`: how many can be forked, and which functions have none for what reason."""
        return {"ready": sum(t.ready for t in self._all.values()), "refused": sorted(self._refused.values())}

    def keep(self, wanted: Mapping[str, Function], now: float) -> None:
        """Start one that is missing, as far as the setting allows; end what nobody wants any more."""
        wanted = {key: function for key, function in wanted.items() if suits(function)}
        for key in self._all.keys() - wanted.keys():
            self._all[key].end()
        self._refused = {key: why for key, why in self._refused.items() if key in wanted}
        if len(self._all) >= self.most:
            return
        for key, function in wanted.items():
            if key not in self._all and key not in self._refused and now >= self._not_before.get(key, 0.0):
                self._not_before[key] = now + 2.0 ** self._deaths[key]
                self._start(key, function)
                return  # one at a time: each is as heavy as a cold start

    async def close(self) -> None:
        """End all templates; their containers are not touched."""
        for template in self._all.values():
            template.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, key: str, function: Function) -> None:
        template = self._all[key] = Template(self._cloud, function)
        task = asyncio.create_task(self._carry(key, template))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, key: str, template: Template) -> None:
        """A template from its start to its end."""
        try:
            await template.run(self._cloud.calls.changed.beat)
        except Exception as error:
            log.exception("a template of %s could not be started", template.function.name)
            template.refused = template.refused or f"{type(error).__name__}: {error}"
        finally:
            del self._all[key]
            self._cloud.calls.changed.beat()
        if template.ended_by_us:
            return
        self._deaths[key] = 0 if template.was_ready else self._deaths[key] + 1
        if self._deaths[key] >= DEATHS_ALLOWED:
            template.refused = template.refused or f"it died {DEATHS_ALLOWED} times before it was loaded"
        if template.refused:
            self._refuse(key, template)

    def _refuse(self, key: str, template: Template) -> None:
        function = template.function
        words = f"{function.name} has no template, and starts without one: {template.refused}"
        log.warning("%s", words)
        self._refused[key] = words
        origin = Origin(app_id=function.app_id, function_id=function.function_id, task_id="")
        self._cloud.logs.add(origin, SYSTEM, [f"{words}\n"])
