"""Where a server that speaks OpenAI's protocol is, and by which key and within which times it is asked."""

import hashlib
import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

OPENAI = "https://api.openai.com/v1"
# For servers that want none: the SDK insists on one.
NO_KEY = "none"


@dataclass(frozen=True, kw_only=True)
class Access:
    """Options that are left out come from the environment, by the names that OpenAI's own tools read."""

    base_url: str = ""
    api_key: str = field(default="", repr=False)
    connect_seconds: float = 5.0
    read_seconds: float = 60.0
    deadline_seconds: float = 120.0

    def __post_init__(self) -> None:
        given = self.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI
        self._set("base_url", given.rstrip("/"))
        self._set("api_key", (self.api_key or os.environ.get("OPENAI_API_KEY", "")).strip())
        address = urlsplit(self.base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError('base_url has to be an address such as "http://127.0.0.1:8080/v1".')
        if address.username or address.password:
            raise ValueError("base_url must not carry a name or password, which logs would show. Use api_key.")
        if not self.api_key.isascii() or not self.api_key.isprintable() or " " in self.api_key:
            raise ValueError("api_key has characters that no key has.")
        for name in ("connect_seconds", "read_seconds", "deadline_seconds"):
            if not isinstance(getattr(self, name), (int, float)) or not 0 < getattr(self, name) < 3600:
                raise ValueError(f"{name} has to be a number above 0, and less than an hour.")

    @property
    def is_openai(self) -> bool:
        return self.base_url == OPENAI

    @property
    def is_local(self) -> bool:
        return urlsplit(self.base_url).hostname in ("127.0.0.1", "::1", "localhost")

    def missing(self) -> str:
        """What stands between us and a first call, in words for the site's operator; empty if nothing does."""
        if find_spec("openai") is None:
            return _("The OpenAI SDK is not installed: pip install wagtail-slots[llm] where workers run.")
        if self.is_openai and not self.api_key:
            return _(
                "There is no key for OpenAI: set OPENAI_API_KEY in the environment of the workers and web processes. "
                "For a server of your own, set base_url in GENERATOR_OPTIONS."
            )
        return ""

    def mark(self, model: str) -> str:
        """How workers name a model at this address among themselves."""
        return hashlib.sha256(f"{self.base_url} {model}".encode()).hexdigest()[:32]

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
