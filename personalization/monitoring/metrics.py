"""What operators see of the models' health. The figures stand in the database, where workers have put them."""

import logging
from collections.abc import Iterable

from django.db import DatabaseError
from prometheus_client import Gauge
from prometheus_client.core import Metric

from personalization.monitoring.models import Alert, Reading

logger = logging.getLogger(__name__)


class StoredGauge(Gauge):
    """A gauge that reads its values anew whenever it is asked for them."""

    def collect(self) -> Iterable[Metric]:
        renew()
        return super().collect()


READINGS = StoredGauge(
    "personalization_reading",
    "The latest reading of each measure of drift and online accuracy.",
    ["metric"],
    multiprocess_mode="mostrecent",
)
ALERTS = Gauge(
    "personalization_alert",
    "1 while a measure has an open alert, else 0.",
    ["metric"],
    multiprocess_mode="mostrecent",
)


def renew() -> None:
    """Take the gauges' values from the database; leave them alone when it does not answer."""
    try:
        latest = list(Reading.objects.whole().latest_of_each().values_list("metric", "value"))
        is_open = set(Alert.objects.open().values_list("metric", flat=True))
    except DatabaseError as error:
        logger.warning("The readings cannot be exported: %s", error)
        return
    for metric, value in latest:
        READINGS.labels(metric=metric).set(value)
        ALERTS.labels(metric=metric).set(metric in is_open)
