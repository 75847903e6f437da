"""What the events room counts for the operator."""

from prometheus_client import Counter

ACCEPTED = Counter("personalization_events", "Events stored.", ["kind"])
REJECTED = Counter("personalization_events_rejected", "Events and requests refused, by reason.", ["code"])
