"""Placeholders are filled in once, never evaluated, and always have words to fall back on."""

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from personalization.slots.context import ServingContext
from personalization.slots.placeholders import fill_placeholders, validate_placeholders
from personalization.slots.serve import serve
from personalization.visitors.identity import sign_key
from tests.slots.world import make_items, make_slot, make_visitor

WORDS = "Hello {visitor.first_name|there}, more {visitor.top_tag|stories} after {visitor.last_viewed|your first page}"


@pytest.mark.parametrize(
    "text",
    [
        "{visitor.first_name}",
        "{visitor.first_name|}",
        "{visitor.first_name|  }",
        "{visitor.password|x}",
        "{visitor.first_name.upper|x}",
        "{user.first_name|x}",
        "{{ settings.SECRET_KEY }}",
        "{% load x %}",
        "{visitor.first_name|there",
        "there}",
        "{visitor.first_name|{visitor.top_tag|x}}",
        "{}",
    ],
)
def test_what_is_not_a_known_placeholder_with_a_fallback_is_refused(text):
    with pytest.raises(ValidationError):
        validate_placeholders(text)


@pytest.mark.parametrize("text", ["", "Plain words | with a bar", WORDS, "{visitor.top_tag|a | b}"])
def test_plain_words_and_known_placeholders_are_accepted(text):
    validate_placeholders(text)


def test_a_value_that_looks_like_a_placeholder_or_a_template_stays_as_it_is():
    values = {"first_name": lambda: "{visitor.top_tag|x}{{ 7|add:7 }}", "top_tag": lambda: "secret"}
    assert fill_placeholders("Hi {visitor.first_name|there}", values) == "Hi {visitor.top_tag|x}{{ 7|add:7 }}"


@given(st.text(), st.text())
def test_filling_in_never_fails_and_never_loops(text, value):
    fill_placeholders(text, dict.fromkeys(("first_name", "top_tag", "last_viewed"), lambda: value))


@given(st.text(alphabet=st.characters(exclude_characters="{}")))
def test_words_without_braces_are_left_alone(text):
    assert fill_placeholders(text, {}) == text


def heading(request) -> str:
    return serve(["home-top"], ServingContext.from_request(request))[0].heading


@pytest.mark.django_db
def test_a_stranger_reads_the_fallbacks():
    make_items(8)
    make_slot(heading=WORDS)
    assert heading(RequestFactory().get("/")) == "Hello there, more stories after your first page"


@pytest.mark.django_db
def test_a_known_visitor_reads_of_what_they_like_and_saw_last():
    items = make_items(8)
    make_slot(heading=WORDS)
    reader = make_visitor(read=(items[3], items[7], items[2]))
    request = RequestFactory().get("/", HTTP_COOKIE=f"personalization_visitor={sign_key(reader.key)}")
    assert heading(request) == "Hello there, more film after Gardens 2"


@pytest.mark.django_db
def test_what_a_visitor_saw_last_is_not_named_once_it_is_withdrawn():
    items = make_items(8)
    make_slot(heading="{visitor.last_viewed|nothing}")
    reader = make_visitor(read=(items[3], items[2]))
    type(items[2]).objects.filter(pk=items[2].pk).update(live=False)
    request = RequestFactory().get("/", HTTP_COOKIE=f"personalization_visitor={sign_key(reader.key)}")
    assert heading(request) == "Film 3"


@pytest.mark.django_db
def test_the_name_is_that_of_the_signed_in_user_of_this_request_and_escaped():
    make_items(8)
    make_slot(heading="Hello {visitor.first_name|there}")
    ann = get_user_model().objects.create_user("ann", first_name="<b>Ann</b>")
    request = RequestFactory().get("/")
    request.user = ann
    assert heading(request) == "Hello <b>Ann</b>"
    client = Client()
    client.force_login(ann)
    body = {"slots": ["home-top"]}
    url = "/api/personalization/v1/slots/home-top/fragment/?url=/"
    assert "Hello &lt;b&gt;Ann&lt;/b&gt;" in client.get(url).content.decode()
    assert "Hello there" in Client().get(url).content.decode()
    answer = Client().post("/api/personalization/v1/decisions/", body, content_type="application/json")
    assert answer.json()["decisions"][0]["heading"] == "Hello there"


@pytest.mark.django_db
def test_a_value_that_cannot_be_had_becomes_its_fallback(monkeypatch):
    make_items(8)
    make_slot(heading="Hello {visitor.first_name|there}")
    context = ServingContext.for_preview(locale="en")

    def break_down() -> str:
        raise RuntimeError

    context.find_first_name = break_down
    decision = serve(["home-top"], context)[0]
    assert (decision.heading, decision.fallback) == ("Hello there", False)
