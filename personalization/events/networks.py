"""Where events come from, so coarsely that no person can be found by it, and for a few days only."""

from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address

from django.utils.crypto import salted_hmac

# The range that one household, office or rented machine commonly has at its disposal.
PREFIX_BITS = {4: 24, 6: 48}


def network_of(address: str, *, at: datetime) -> str:
    """Name an address range by a keyed hash that differs every day, so that no range can be followed; "" if unknown."""
    try:
        parsed = ip_address(address.strip())
    except ValueError:
        return ""
    if mapped := getattr(parsed, "ipv4_mapped", None):
        parsed = IPv4Address(mapped)
    prefix = int(parsed) >> (parsed.max_prefixlen - PREFIX_BITS[parsed.version])
    day = at.astimezone(UTC).date().isoformat()
    digest = salted_hmac("personalization.network", f"{day}|{parsed.version}|{prefix}", algorithm="sha256")
    return digest.hexdigest()[:16]
