"""When a schedule comes round, and where a bucket lies."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modal import Cron, Period
from modal_proto import api_pb2

from remote.local_cloud.buckets import bucket_directory
from remote.local_cloud.schedules import ScheduleError, next_moment


def moment(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("line", "after", "expected"),
    [
        ("* * * * *", "2026-03-01 10:00:30", "2026-03-01 10:01"),
        ("*/15 * * * *", "2026-03-01 10:15", "2026-03-01 10:30"),
        ("0 4 * * *", "2026-03-01 04:00", "2026-03-02 04:00"),
        ("30 8-10/2 * * 1-5", "2026-02-27 10:30", "2026-03-02 08:30"),
        ("0 0 31 * *", "2026-03-31 00:00", "2026-05-31 00:00"),
        ("0 0 29 2 *", "2026-03-01 00:00", "2028-02-29 00:00"),
        ("0 0 13 * 5", "2026-03-01 00:00", "2026-03-06 00:00"),
        ("0 0 * * 7", "2026-03-02 00:00", "2026-03-08 00:00"),
        ("5,10 1 * * *", "2026-03-01 01:05", "2026-03-01 01:10"),
    ],
)
def test_a_cron_line_comes_round_as_crontab_says(line, after, expected):
    found = next_moment(Cron(line).proto_message, moment(after))
    assert datetime.fromtimestamp(found, UTC).isoformat(" ", "minutes")[:16] == expected


def test_a_cron_line_is_meant_in_its_time_zone():
    schedule = Cron("0 6 * * *", timezone="America/New_York").proto_message
    assert next_moment(schedule, moment("2026-07-01 00:00")) == moment("2026-07-01 06:00", "America/New_York")


@pytest.mark.parametrize("line", ["", "* * * *", "61 * * * *", "x * * * *", "0 0 31 2 *", "5-1 * * * *"])
def test_a_line_that_means_no_moment_is_refused(line):
    schedule = api_pb2.Schedule(cron=api_pb2.Schedule.Cron(cron_string=line))
    with pytest.raises(ScheduleError):
        next_moment(schedule, 0.0)


@pytest.mark.parametrize(
    ("period", "after", "expected"),
    [
        (Period(seconds=5), "2026-01-01 00:00", "2026-01-01 00:00:05"),
        (Period(days=1, hours=2), "2026-01-01 00:00", "2026-01-02 02:00"),
        (Period(months=1), "2026-01-31 00:00", "2026-02-28 00:00"),
        (Period(years=1, months=11), "2026-02-01 00:00", "2028-01-01 00:00"),
    ],
)
def test_a_period_is_added_to_the_calendar(period, after, expected):
    assert next_moment(period.proto_message, moment(after)) == moment(expected)


@given(st.integers(0, 59), st.integers(0, 23), st.integers(0, 2_000_000_000))
def test_the_next_moment_is_always_later_and_fits(minute, hour, after):
    found = next_moment(Cron(f"{minute} {hour} * * *").proto_message, after)
    assert after < found <= after + 86400
    when = datetime.fromtimestamp(found, UTC)
    assert (when.minute, when.hour, when.second) == (minute, hour, 0)


def test_a_bucket_is_a_directory_and_a_prefix_a_part_of_it(tmp_path):
    whole = bucket_directory(tmp_path, api_pb2.CloudBucketMount(bucket_name="data"))
    part = bucket_directory(tmp_path, api_pb2.CloudBucketMount(bucket_name="data", key_prefix="a/b/"))
    assert whole == tmp_path / "data"
    assert part == whole / "a" / "b"


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("..", ""), ("a/b", ""), ("", ""), ("data", "../other/"), ("data", "a\0/"), (".hid", "")],
)
def test_a_bucket_or_prefix_that_leads_elsewhere_is_refused(tmp_path, name, prefix):
    with pytest.raises(ValueError, match="not"):
        bucket_directory(tmp_path, api_pb2.CloudBucketMount(bucket_name=name, key_prefix=prefix))


def test_a_prefix_that_is_a_link_out_of_the_bucket_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "out").symlink_to("/")
    with pytest.raises(ValueError, match="leads out"):
        bucket_directory(tmp_path, api_pb2.CloudBucketMount(bucket_name="data", key_prefix="out/etc/"))
