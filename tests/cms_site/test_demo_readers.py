from collections import Counter
from datetime import UTC, datetime, timedelta

from cms_site.demo.readers import Shelf, simulate_readings

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SHELVES = [
    Shelf(f"{section}-{number}", section, NOW - timedelta(days=10 * number))
    for section in ("space", "food", "film", "gardens", "cities")
    for number in range(8)
]


def test_the_same_seed_gives_the_same_readers():
    first = list(simulate_readings(SHELVES, readers=20, until=NOW))
    assert first == list(simulate_readings(SHELVES, readers=20, until=NOW))
    assert first != list(simulate_readings(SHELVES, readers=20, until=NOW, seed=8))


def test_readers_stay_with_their_tastes_but_wander():
    by_reader: dict[str, Counter] = {}
    for reading in simulate_readings(SHELVES, readers=60, until=NOW):
        by_reader.setdefault(reading.reader, Counter())[reading.slug.rsplit("-", 1)[0]] += 1
    favourites = [sum(n for _, n in counts.most_common(3)) / counts.total() for counts in by_reader.values()]
    assert sum(favourites) / len(favourites) > 0.8
    assert any(len(counts) > 3 for counts in by_reader.values())


def test_nobody_reads_twice_or_before_publication_or_in_the_future():
    published = {shelf.slug: shelf.published for shelf in SHELVES}
    readings = list(simulate_readings(SHELVES, readers=30, until=NOW))
    assert len({(reading.reader, reading.slug) for reading in readings}) == len(readings)
    assert all(published[reading.slug] <= reading.at <= NOW for reading in readings)
    assert readings == sorted(readings, key=lambda reading: (reading.at, reading.reader))
