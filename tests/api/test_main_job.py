"""The main job through the API alone: what a front end of any kind has to do, and what its visitors get."""

import uuid

import pytest
from django.test import Client

from tests.factories import make_magazine, make_slot

API = "/api/personalization/v1/"


class FrontEnd:
    """One visitor of a headless site: no cookies, a token in a header."""

    def __init__(self, **headers: str) -> None:
        self.client, self.headers = Client(), headers

    def ask(self, method: str, path: str, body: dict | None = None):
        call = getattr(self.client, method)
        answer = call(f"{API}{path}", body, content_type="application/json", headers=self.headers)
        self.client.cookies.clear()
        return answer

    def agree(self) -> None:
        answer = self.ask("put", "consent/", {"analytics": True, "personalization": True}).json()
        self.headers["X-Personalization-Visitor"] = answer["visitor"]

    def slot(self, key: str = "home-top") -> dict:
        return self.ask("post", "decisions/", {"slots": [key], "context": {"url": "/", "locale": "en"}}).json()[
            "decisions"
        ][0]

    def topics(self) -> list[str]:
        return [item["url"].split("/")[1] for item in self.slot()["items"]]

    def read(self, article) -> dict:
        event = {"id": str(uuid.uuid4()), "kind": "view", "item": f"page:{article.pk}"}
        return self.ask("post", "events/", {"events": [event]}).json()


@pytest.fixture
def magazine(site):
    make_slot("home-top")
    return make_magazine()


def test_a_slot_turns_to_what_its_visitor_reads_and_nobody_elses_does(magazine):
    reader, other = FrontEnd(), FrontEnd()
    reader.agree()
    other.agree()
    before = other.topics()
    assert len(set(before)) > 1
    for article in magazine["science-fiction"][:3]:
        assert reader.read(article) == {"accepted": 1, "rejected": []}
    assert reader.topics() == ["science-fiction"] * 3
    assert other.topics() == before


def test_every_card_says_why_and_its_reasons_add_up(magazine):
    reader = FrontEnd()
    reader.agree()
    reader.read(magazine["cooking"][0])
    decision = reader.slot()
    assert decision["fallback"] is False
    for item in decision["items"]:
        assert item["why"]
        assert sum(reason["contribution"] for reason in item["why"]) == pytest.approx(item["score"], rel=1e-3, abs=1e-4)
    assert any("Cooking story 0" in reason["text"] for item in decision["items"] for reason in item["why"])


def test_without_consent_nothing_is_learned(magazine):
    stranger = FrontEnd()
    before = stranger.topics()
    answer = stranger.read(magazine["gardening"][0])
    assert answer["accepted"] == 0
    assert answer["rejected"][0]["code"] == "no_consent"
    assert stranger.topics() == before


def test_global_privacy_control_outweighs_an_earlier_grant(magazine):
    reader = FrontEnd()
    reader.agree()
    for article in magazine["science-fiction"][:3]:
        reader.read(article)
    reader.headers["Sec-GPC"] = "1"
    assert len(set(reader.topics())) > 1
