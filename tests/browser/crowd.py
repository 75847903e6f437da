"""Many visitors over HTTP, each as a front end of its own: they agree, get their slot, and click by chance."""

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import requests

API = "/api/personalization/v1/"
VISITOR = "X-Personalization-Visitor"


@dataclass
class Crowd:
    """Visitors of one slot. Who sees the heading `lifted` clicks `lift` times as often as the others."""

    server: str
    slot: str
    lifted: str
    rate: float = 0.3
    lift: float = 1.2
    seed: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    clicked: Counter[str] = field(default_factory=Counter)
    tokens: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def visit(self, number: int) -> None:
        """Let so many visitors come, two at a time."""
        with ThreadPoolExecutor(2) as pool:
            for heading, clicks, kept in pool.map(self._one, self._chances(number)):
                self.seen[heading] += 1
                self.clicked[heading] += clicks
                self.tokens.append(kept)

    def _chances(self, number: int) -> Iterator[float]:
        generator = random.Random(self.seed)
        return iter([generator.random() for _ in range(number)])

    def _one(self, chance: float) -> tuple[str, bool, tuple[str, dict[str, str]]]:
        with requests.Session() as session:
            visitor = self._ask(session, "PUT", "consent/", {"analytics": True, "personalization": False})["visitor"]
            headers = {VISITOR: visitor}
            asked = {"slots": [self.slot], "context": {"url": "/", "locale": "en"}}
            decision = self._ask(session, "POST", "decisions/", asked, headers)["decisions"][0]
            token, item = decision["token"], decision["items"][0]["key"]
            clicks = chance < self.rate * (self.lift if decision["heading"] == self.lifted else 1.0)
            told = [event("impression", token, item), *([event("click", token, item)] if clicks else [])]
            answer = self._ask(session, "POST", "events/", {"events": told}, headers)
            assert answer["accepted"] == len(told), answer
            return decision["heading"], clicks, (token, headers)

    def _ask(self, session: requests.Session, method: str, path: str, body: dict, headers: dict | None = None) -> dict:
        answer = session.request(method, f"{self.server}{API}{path}", json=body, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json()


def event(kind: str, token: str, item: str) -> dict:
    """What a browser tells of one card."""
    return {"id": str(uuid.uuid4()), "kind": kind, "token": token, "item": item}


def send(server: str, events: list[dict], headers: dict[str, str]) -> dict:
    """Tell the events endpoint something, true or not."""
    answer = requests.post(f"{server}{API}events/", json={"events": events}, headers=headers, timeout=60)
    return answer.json() | {"status": answer.status_code}
