"""An experiment's daily sums from raw events: seconds and memory.

On PostgreSQL (``DATABASE_URL`` names a database that may be written to) ten million events of a million visitors, on
SQLite a fiftieth of them. One in ten is a visitor's first exposure, spread over four weeks; the others are what
visitors did in these and in the two weeks before. Everything that was written is deleted again.
"""

import resource
import sys
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import Sum
from rich.console import Console

from benchmarks.claims import Claim, seconds
from personalization.events.models import Event
from personalization.experiments.models import Arm, DaySum, Experiment, Metric, Phase
from personalization.experiments.sums import rebuild_sums
from personalization.slots.models import Slot

EVENTS, VISITORS = (10_000_000, 1_000_000) if connection.vendor == "postgresql" else (200_000, 20_000)
DAYS, DAYS_BEFORE = 28, 14
KEY = "benchmark"
MEGABYTE = 2**20
METRICS = (
    {"measure": "clicked"},
    {"measure": "click_rate"},
    {"measure": "converted", "scope": "site", "goal": "order"},
    {"measure": "value", "scope": "site", "cap": 99.0},
    {"measure": "dwell", "scope": "site"},
    {"measure": "returned", "scope": "site"},
)
# What differs between the databases: an id, a moment, words in JSON.
WORDS = {
    "postgresql": {
        "id": "CAST(LPAD(TO_HEX(n), 32, '0') AS uuid)",
        "moment": "CAST(%(begin)s AS timestamptz) + second * INTERVAL '1 second'",
        "visitor": "LPAD(CAST(visitor AS text), 32, '0')",
        "json": "CAST({} AS jsonb)",
        "true": "TRUE",
    },
    "sqlite": {
        "id": "PRINTF('%%032x', n)",
        "moment": "DATETIME(%(begin)s, second || ' seconds')",
        "visitor": "PRINTF('%%032d', visitor)",
        "json": "{}",
        "true": "1",
    },
}
NOTED = (
    """'{"device": "' || CASE visitor %% 3 WHEN 0 THEN 'phone' ELSE 'desktop' END"""
    """ || '", "locale": "en", "segment": ""}'"""
)
# The numbers are drawn by multiplying, so that both databases draw the same.
INSERT = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %(events)s),
drawn AS (
  SELECT n, CAST(n AS bigint) * 22695477 %% 65536 AS chance,
    CASE WHEN n <= %(visitors)s THEN n
      ELSE CAST(n AS bigint) * 2654435761 %% 4294967296 %% %(visitors)s + 1 END AS visitor,
    CASE WHEN n <= %(visitors)s THEN %(before)s + CAST(n AS bigint) * %(during)s / %(visitors)s
      ELSE CAST(n - %(visitors)s AS bigint) * (%(before)s + %(during)s) / (%(events)s - %(visitors)s) END AS second
  FROM numbers
), told AS (
  SELECT n, chance, visitor, {moment} AS moment,
    CASE WHEN n <= %(visitors)s THEN 'exposure' WHEN chance < 30000 THEN 'impression' WHEN chance < 36000 THEN 'click'
      WHEN chance < 48000 THEN 'view' WHEN chance < 60000 THEN 'dwell' ELSE 'conversion' END AS kind
  FROM drawn
)
INSERT INTO personalization_event (event_id, kind, visitor_key, item_key, slot_key, arm_key, goal, value, duration_ms,
  for_analytics, for_personalization, source, network, verdict, occurred_at, received_at, context)
SELECT {id}, kind, {visitor}, '', '{key}', '{key}.1:' || CASE visitor %% 2 WHEN 0 THEN 'control' ELSE 'b' END,
  CASE kind WHEN 'conversion' THEN 'order' ELSE '' END,
  CASE kind WHEN 'conversion' THEN chance %% 9973 / 100.0 END, CASE kind WHEN 'dwell' THEN chance * 4 END,
  {true}, {true}, 'browser', '', '', moment, moment, CASE kind WHEN 'exposure' THEN {noted} END
FROM told
"""


def measure(data: str, console: Console) -> list[Claim]:
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=DAYS + DAYS_BEFORE)
    experiment = _experiment(begin + timedelta(days=DAYS_BEFORE))
    try:
        console.print(f"{EVENTS:,} events of {VISITORS:,} visitors are written to {connection.vendor} first.")
        _write_events(begin)
        before = _peak()
        took = seconds(lambda: rebuild_sums(experiment=experiment))
        counted = DaySum.objects.aggregate(Sum("n"))["n__sum"]
    finally:
        _drop(experiment)
    if counted != VISITORS:
        raise RuntimeError(f"{counted:,} visitors were counted, and there are {VISITORS:,}.")
    memory = f"{before / MEGABYTE:.0f} MB before"
    return [
        Claim("daily sums from raw events", took, 60, " s", detail=f"{EVENTS:,} events, {len(METRICS)} metrics"),
        Claim("peak memory of the process", _peak() / MEGABYTE, 1024, " MB", detail=memory),
    ]


def _experiment(begin: datetime) -> Experiment:
    slot = Slot.objects.create(key=KEY)
    experiment = Experiment.objects.create(key=KEY, name=KEY, slot=slot, status="running", started_at=begin)
    for number, key in enumerate(("control", "b")):
        Arm.objects.create(experiment=experiment, key=key, name=key, is_control=not number)
    for number, metric in enumerate(METRICS):
        Metric.objects.create(experiment=experiment, sort_order=number, **metric)
    Phase.objects.create(experiment=experiment, number=1, weights={"control": 1, "b": 1}, started_at=begin)
    return experiment


def _write_events(begin: datetime) -> None:
    words = dict(WORDS[connection.vendor])
    told = {"begin": f"{begin:%Y-%m-%d %H:%M:%S}", "events": EVENTS, "visitors": VISITORS}
    day = 24 * 60 * 60
    statement = INSERT.format(key=KEY, noted=words.pop("json").format(NOTED), **words)
    indexes = [index for index in Event._meta.indexes if connection.vendor == "postgresql"]
    with connection.schema_editor() as schema:
        for index in indexes:
            schema.remove_index(Event, index)
    with connection.cursor() as cursor:
        cursor.execute(statement, told | {"before": DAYS_BEFORE * day, "during": DAYS * day - 1})
    with connection.schema_editor() as schema:
        for index in indexes:
            schema.add_index(Event, index)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _drop(experiment: Experiment) -> None:
    experiment.delete()
    Slot.objects.filter(key=KEY).delete()
    rows = Event.objects.filter(slot_key=KEY)
    rows._raw_delete(rows.db)


def _peak() -> float:
    """Bytes; Linux counts in kilobytes, macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
