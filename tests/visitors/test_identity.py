import pytest
from django.core.signing import TimestampSigner
from django.http import HttpResponse
from django.test import RequestFactory

from personalization.visitors import identity
from personalization.visitors.models import new_visitor_key

COOKIE = "personalization_visitor"
KEY = new_visitor_key()
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


def read(cookies=None, headers=None):
    return identity.read_key(cookies=cookies or {}, headers=headers or {})


def test_a_signed_key_is_read_from_the_cookie_and_from_the_header():
    signed = identity.sign_key(KEY)
    assert read(cookies={COOKIE: signed}) == KEY
    assert read(headers={identity.HEADER: signed}) == KEY


def test_the_header_goes_before_the_cookie():
    other = new_visitor_key()
    assert read(cookies={COOKIE: identity.sign_key(KEY)}, headers={identity.HEADER: identity.sign_key(other)}) == other


@pytest.mark.parametrize(
    "forged",
    [
        "",
        KEY,
        f"{KEY}:x:y",
        identity.sign_key(KEY).replace(KEY, new_visitor_key()),
        identity.sign_key(KEY)[:-1],
        identity.sign_key("not-a-key"),
        identity.sign_key(KEY + "\n"),
        TimestampSigner(salt="another").sign(KEY),
        "\x00" * 40,
        "é" * 5000,
    ],
    ids=["empty", "bare", "nonsense", "moved", "short", "no key", "longer", "another salt", "zeros", "long"],
)
def test_a_forged_or_foreign_key_is_nobody(forged):
    assert read(cookies={COOKIE: forged}) is None
    assert read(headers={identity.HEADER: forged}) is None


def test_a_key_expires_with_its_cookie(settings):
    signed = identity.sign_key(KEY)
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"VISITOR_COOKIE_DAYS": -1}
    assert read(cookies={COOKIE: signed}) is None


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites():
    response = HttpResponse()
    identity.set_cookie(response, KEY)
    cookie = response.cookies[COOKIE]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/")
    assert cookie["max-age"] == 180 * 86_400


def test_a_noted_change_sets_or_deletes_the_cookie_and_no_note_leaves_it():
    request = RequestFactory().get("/")
    request.COOKIES[COOKIE] = identity.sign_key(KEY)
    untouched, changed, deleted = HttpResponse(), HttpResponse(), HttpResponse()
    identity.apply_cookie_change(request, untouched)
    assert COOKIE not in untouched.cookies
    identity.remember_cookie_change(request, KEY)
    identity.apply_cookie_change(request, changed)
    assert read(cookies={COOKIE: changed.cookies[COOKIE].value}) == KEY
    identity.remember_cookie_change(request, None)
    identity.apply_cookie_change(request, deleted)
    assert deleted.cookies[COOKIE].value == ""
    assert deleted.cookies[COOKIE]["max-age"] == 0


def test_a_browser_without_the_cookie_is_not_told_to_delete_it():
    request, response = RequestFactory().get("/"), HttpResponse()
    identity.remember_cookie_change(request, None)
    identity.apply_cookie_change(request, response)
    assert not response.cookies


@pytest.mark.parametrize(
    ("headers", "refuses"),
    [({"Sec-GPC": "1"}, True), ({"DNT": "1"}, True), ({"Sec-GPC": "0", "DNT": "0"}, False), ({}, False)],
)
def test_global_privacy_control_and_do_not_track_refuse_personalization(headers, refuses):
    request = RequestFactory().get("/", headers=headers)
    assert identity.refuses_personalization(request.headers) is refuses


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot"),
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2)", "bot"),
        ("facebookexternalhit/1.1", "bot"),
        (DESKTOP, "desktop"),
        ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", "tablet"),
        ("Mozilla/5.0 (Linux; Android 14; SM-X910) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "phone"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148", "phone"),
        ("", "desktop"),
    ],
)
def test_devices_are_told_apart(agent, device):
    assert identity.device_class(agent) == device


@pytest.mark.parametrize("agent", ["python-requests/2.32", "curl/8.5.0", DESKTOP.replace("Chrome/", "HeadlessChrome/")])
def test_a_program_that_carries_a_consent_is_a_front_end_and_no_crawler(agent):
    assert not identity.is_crawler(agent)
