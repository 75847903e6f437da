"""The demonstration's history: what simulated readers read, recorded through the same service as a real import."""

from collections.abc import Callable

from django.utils.crypto import salted_hmac

from cms_site.demo.readers import Reading, Shelf, simulate_readings
from cms_site.home.models import ArticlePage, HomePage
from personalization.events.history import HistoricEvent, record_history
from personalization.visitors.models import Visitor

BATCH = 1000

Progress = Callable[[int, int], None]


def record_simulated_history(home: HomePage, *, readers: int, progress: Progress | None = None) -> int:
    """Record the readings of simulated visitors, marked as such; repeating it adds nothing.

    Time is counted from the magazine's own first publication, so that a second run makes the very same readings.
    """
    if Visitor.objects.filter(simulated=True).count() >= readers:
        return 0
    pages = ArticlePage.objects.descendant_of(home).live().select_related()
    keys = {page.slug: f"page:{page.pk}" for page in pages}
    shelves = [Shelf(page.slug, page.get_parent().slug, page.first_published_at) for page in pages]
    readings = list(simulate_readings(shelves, readers=readers, until=home.first_published_at))
    accepted = 0
    for start in range(0, len(readings), BATCH):
        events = [_event(reading, keys[reading.slug]) for reading in readings[start : start + BATCH]]
        outcome = record_history(events=events, analytics=True, personalization=True, simulated=True, source="simulate")
        accepted += outcome.accepted
        if progress:
            progress(min(start + BATCH, len(readings)), len(readings))
    return accepted


def _event(reading: Reading, item_key: str) -> HistoricEvent:
    key = salted_hmac("cms_site.demo.reader", reading.reader, algorithm="sha256").hexdigest()[:32]
    return HistoricEvent(visitor_key=key, item_key=item_key, kind="view", occurred_at=reading.at)
