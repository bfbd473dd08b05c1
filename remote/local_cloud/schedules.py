"""Functions that call themselves: `modal.Period` and `modal.Cron` of deployed apps.

A period counts from the last deployment, then from the last call. A moment that passed while no
daemon ran is made up for once, however many there were.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from modal_proto import api_pb2

from remote.local_cloud.apps import Apps
from remote.local_cloud.calls import Calls
from remote.local_cloud.function import Function
from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS schedules(
  function_id TEXT PRIMARY KEY, called_at REAL NOT NULL);
"""
NO_ARGUMENTS = pickle.dumps(((), {}), protocol=4)
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
"""Minute, hour, day of the month, month, day of the week (0 and 7 are Sunday)."""
FARTHEST_DAYS = 5 * 366


class ScheduleError(ValueError):
    """A schedule that means no moment."""


class Schedules:
    """When each scheduled function was last called by itself."""

    def __init__(self, store: Store, apps: Apps, calls: Calls) -> None:
        self._store, self._apps, self._calls = store, apps, calls
        store.define(_TABLES)

    def call_due(self, now: float) -> list[str]:
        """Call what is due; the ids of the calls."""
        made = []
        for app in self._apps.all():
            if app["state"] == api_pb2.APP_STATE_DEPLOYED:
                functions = self._apps.functions_of(app["app_id"])
                made += [
                    self._call(f, now) for f in functions if self._is_due(f, app["deployed_at"] or now, now)
                ]
        return made

    def _is_due(self, function: Function, deployed_at: float, now: float) -> bool:
        schedule = function.definition.schedule
        if schedule.WhichOneof("schedule_oneof") is None:
            return False
        query = "SELECT called_at FROM schedules WHERE function_id=?"
        row = self._store.db.execute(query, (function.function_id,)).fetchone()
        try:
            after = max(deployed_at, row["called_at"] if row else 0.0)
            if schedule.HasField("period"):
                after = min(after, now)  # a clock set back: a period does not wait for its own past
            return next_moment(schedule, after) <= now
        except ScheduleError:
            return False

    def _call(self, function: Function, now: float) -> str:
        request = api_pb2.FunctionMapRequest(
            function_id=function.function_id,
            function_call_type=api_pb2.FUNCTION_CALL_TYPE_UNARY,
            function_call_invocation_type=api_pb2.FUNCTION_CALL_INVOCATION_TYPE_ASYNC,
        )
        arguments = api_pb2.FunctionInput(args=NO_ARGUMENTS, data_format=api_pb2.DATA_FORMAT_PICKLE)
        with self._store.transaction() as db:
            call_id = self._calls.create(function.function_id, function.app_id, request)
            self._calls.put(call_id, [api_pb2.FunctionPutInputsItem(idx=0, input=arguments)])
            db.execute("INSERT OR REPLACE INTO schedules VALUES(?,?)", (function.function_id, now))
        return call_id


def next_moment(schedule: api_pb2.Schedule, after: float) -> float:
    """The first moment of a schedule after another, in unix seconds. ScheduleError if there is none."""
    if schedule.HasField("period"):
        return _after_period(schedule.period, after)
    try:
        zone = ZoneInfo(schedule.cron.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ScheduleError(f"there is no time zone {schedule.cron.timezone!r}") from error
    return _after_cron(schedule.cron.cron_string, datetime.fromtimestamp(after, zone)).timestamp()


def _after_period(period: api_pb2.Schedule.Period, after: float) -> float:
    moment = datetime.fromtimestamp(after, UTC)
    months = moment.month - 1 + period.months + 12 * period.years
    year, month = moment.year + months // 12, months % 12 + 1
    day = min(moment.day, _days_in(year, month))
    rest = timedelta(
        weeks=period.weeks,
        days=period.days,
        hours=period.hours,
        minutes=period.minutes,
        seconds=period.seconds,
    )
    found = (moment.replace(year=year, month=month, day=day) + rest).timestamp()
    if found <= after:
        raise ScheduleError("a period of no length")
    return found


def _days_in(year: int, month: int) -> int:
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return (following - timedelta(days=1)).day


def _after_cron(words: str, after: datetime) -> datetime:
    """Day by day, then the first minute of a day that fits: crontab's own rules."""
    fields = words.split()
    if len(fields) != len(RANGES):
        raise ScheduleError(f"{words!r} has not five fields")
    minutes, hours, days, months, weekdays = (
        _values(field, *bounds) for field, bounds in zip(fields, RANGES, strict=True)
    )
    weekdays = {day % 7 for day in weekdays}
    either = fields[2] != "*" and fields[4] != "*"
    for offset in range(FARTHEST_DAYS):
        day = (after + timedelta(days=offset)).replace(hour=0, minute=0, second=0, microsecond=0)
        fits = [day.day in days, day.isoweekday() % 7 in weekdays]
        if day.month not in months or not (any(fits) if either else all(fits)):
            continue
        for hour, minute in ((h, m) for h in sorted(hours) for m in sorted(minutes)):
            moment = day.replace(hour=hour, minute=minute)
            if moment > after:
                return moment
    raise ScheduleError(f"{words!r} means no moment")


def _values(field: str, low: int, high: int) -> set[int]:
    """What one field of a cron line allows: ``*``, ``5``, ``1-5``, ``*/15``, ``1-9/2``, and lists."""
    return {value for part in field.split(",") for value in _part(part, low, high)}


def _part(part: str, low: int, high: int) -> Iterable[int]:
    span, _, step = part.partition("/")
    first, _, last = span.partition("-")
    try:
        start = low if first == "*" else int(first)
        end = int(last) if last else high if first == "*" or step else start
        found = range(start, end + 1, int(step or 1))
    except ValueError as error:
        raise ScheduleError(f"{part!r} is no part of a cron line") from error
    if not found or start < low or end > high:
        raise ScheduleError(f"{part!r} is not within {low} to {high}")
    return found
