"""The one typed reader of ``settings.PERSONALIZATION``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, its type and its default. docs/reference/settings.md says what each one is for."""

    catalog: Mapping[str, str] = field(default_factory=dict)
    embedder: str = "personalization.catalog.embedders.sentence.SentenceEmbedder"
    embedder_options: Mapping[str, Any] = field(default_factory=dict)
    image_filter: str = "fill-640x400"
    policies: Mapping[str, str] = field(default_factory=dict)
    slot_templates: Mapping[str, str] = field(default_factory=dict)
    artifacts_dir: Path = Path("var/artifacts")
    visitor_cookie_name: str = "personalization_visitor"
    visitor_cookie_days: int = 180
    visitor_cookie_secure: bool = True
    token_hours: int = 6
    event_weights: Mapping[str, float] = field(
        default_factory=lambda: {"view": 1.0, "click": 1.0, "dwell": 1.0, "like": 3.0, "conversion": 3.0}
    )
    profile_half_life_days: float = 14.0
    profile_recent_items: int = 100
    retention_days: int = 390
    training_window_days: int = 365
    training_holdout: float = 0.2
    training_minimum: int = 200
    training_members: Sequence[str] = ("popular", "content", "ease", "als", "markov")
    training_tuning_seconds: int = 0
    training_learn_weights: bool = False
    training_pause_hours: float = 6.0
    train_after_events: int = 10_000
    promotion_margin: float = 0.01
    promotion_coverage_minimum: float = 0.02
    promotion_latency_ms: float = 50.0
    tracker: str = ""
    tracker_options: Mapping[str, Any] = field(default_factory=dict)
    artifacts_kept: int = 5
    generator: str = ""
    generator_options: Mapping[str, Any] = field(default_factory=dict)
    generator_prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    generator_currency: str = "USD"
    generator_rate: str = "30/m"
    global_holdout: float = 0.0
    deadline_ms: int = 150
    api_max_body_bytes: int = 262_144
    api_max_events: int = 200
    api_max_slots: int = 12
    api_throttles: Mapping[str, str] = field(
        default_factory=lambda: {
            "decisions": "300/min",
            "events": "300/min",
            "conversions": "600/min",
            "experiments": "60/min",
            "consent": "30/min",
            "privacy": "10/min",
        }
    )


NAMES = tuple(f.name.upper() for f in fields(Settings))


def read(raw: Mapping[str, Any]) -> Settings:
    """Turn the upper-case dictionary of a settings module into Settings; `unknown` names what is left out."""
    values = {name.lower(): raw[name] for name in NAMES if name in raw}
    if "artifacts_dir" in values:
        values["artifacts_dir"] = Path(values["artifacts_dir"])
    return Settings(**values)


@cache
def get() -> Settings:
    """The settings in force. Read once; tests that override PERSONALIZATION get a fresh reading."""
    return read(getattr(django_settings, "PERSONALIZATION", {}))


def unknown() -> list[Any]:
    """What PERSONALIZATION names that is no setting. `get` goes on without it, so that `manage.py check` can say so."""
    return [name for name in getattr(django_settings, "PERSONALIZATION", {}) if name not in NAMES]


def refuse_unknown() -> None:
    """Raise ImproperlyConfigured where no system check runs, such as at the start of a web process."""
    if unknown():
        raise ImproperlyConfigured(f"PERSONALIZATION has unknown settings: {', '.join(map(str, unknown()))}.")


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting == "PERSONALIZATION":
        get.cache_clear()


setting_changed.connect(_forget)
