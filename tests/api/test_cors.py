"""A browser asks before it sends a front end's requests to another origin."""

import pytest

from personalization.visitors.identity import HEADER

FRONT = "https://front.example"


@pytest.mark.parametrize(("origin", "allowed"), [(FRONT, True), ("https://evil.example", False)])
def test_a_front_end_elsewhere_may_send_the_visitors_token(client, settings, origin, allowed):
    settings.CORS_ALLOWED_ORIGINS = [FRONT]
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": f"content-type, {HEADER.lower()}",
    }
    answer = client.options("/api/personalization/v1/events/", headers=asked)
    granted = answer.headers.get("Access-Control-Allow-Headers", "").split(", ")
    assert ({"content-type", HEADER.lower()} <= set(granted)) is allowed
