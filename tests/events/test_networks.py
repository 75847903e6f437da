from datetime import UTC, datetime, timedelta

import pytest

from personalization.events.networks import network_of

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_neighbours_share_a_range_and_others_do_not():
    assert network_of("203.0.113.7", at=NOON) == network_of("203.0.113.250", at=NOON)
    assert network_of("203.0.113.7", at=NOON) != network_of("203.0.114.7", at=NOON)
    assert network_of("2001:db8:1:2::1", at=NOON) == network_of("2001:db8:1:ffff::9", at=NOON)
    assert network_of("2001:db8:1:2::1", at=NOON) != network_of("2001:db8:2:2::1", at=NOON)


def test_an_address_told_in_the_newer_notation_is_the_same():
    assert network_of("::ffff:203.0.113.7", at=NOON) == network_of("203.0.113.7", at=NOON)


def test_the_name_changes_every_day_and_with_the_sites_secret(settings):
    today = network_of("203.0.113.7", at=NOON)
    assert today == network_of("203.0.113.7", at=NOON + timedelta(hours=11))
    assert today != network_of("203.0.113.7", at=NOON + timedelta(hours=12))
    settings.SECRET_KEY = "another"
    assert today != network_of("203.0.113.7", at=NOON)


@pytest.mark.parametrize("address", ["", "unknown", "unix:", "203.0.113", "203.0.113.7, 10.0.0.1"])
def test_what_is_no_address_has_no_range(address):
    assert network_of(address, at=NOON) == ""
