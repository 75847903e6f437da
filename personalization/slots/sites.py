"""Which site a host name means, from memory: Wagtail asks the database on every request."""

from collections.abc import Sequence
from dataclasses import dataclass

from wagtail.models import Site


@dataclass(frozen=True)
class Sites:
    """The rows (id, host name, port, is default) of all sites."""

    rows: Sequence[tuple[int, str, int, bool]]

    def find(self, hostname: str, port: int) -> int | None:
        """The site of a request by Wagtail's rules: host and port, else the one site of that host, else the default."""
        of_host = [row for row in self.rows if row[1] == hostname]
        exact = [row for row in of_host if row[2] == port]
        default = [row for row in self.rows if row[3]]
        if exact:
            return exact[0][0]
        if any(row[3] for row in of_host):
            return default[0][0]
        if len(of_host) == 1:
            return of_host[0][0]
        return default[0][0] if default else None

    @property
    def default(self) -> int | None:
        """The default site."""
        return next((row[0] for row in self.rows if row[3]), None)


def read_sites() -> Sites:
    """All sites, in one query."""
    return Sites(tuple(Site.objects.values_list("pk", "hostname", "port", "is_default_site")))
