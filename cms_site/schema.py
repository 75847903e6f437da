def keep_own_endpoints(endpoints: list[tuple]) -> list[tuple]:
    """Leave the CMS's own APIs, whose views cannot be described, out of the site's OpenAPI description."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/personalization/")]
