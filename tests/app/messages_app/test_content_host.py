"""Bodies on a host of their own: by signed address for five minutes, without cookies, and nothing else is there."""

from datetime import timedelta

import pytest
import time_machine
from django.core.checks import run_checks
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messages_app.rules.states import State
from portal import checks
from tests.mailroom import File, make_copy, make_user, read, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")

HOST = "content.example"
BASE = f"http://{HOST}"


@pytest.fixture(autouse=True)
def _configured(settings):
    settings.CONTENT_BASE_URL, settings.CONTENT_HOST = BASE, HOST
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, HOST]


@pytest.fixture
def copy(rita):
    big = File("a.png", b"\x89PNG" + bytes(300_000), "image/png", "inline")
    return make_copy(rita, html='<p>Hidden words</p><img src="cid:3">', files=(big,))


def address(client, copy, **query):
    """Return the address to which the frame of `copy` is led."""
    return client.get(reverse("message_body", args=[copy.pk]), query)["Location"]


def there(path, client=None):
    """Ask the content host for `path`, as a browser without cookies."""
    return (client or Client()).get(path.removeprefix(BASE), headers={"host": HOST})


def test_the_frame_is_led_to_a_signed_address_which_needs_no_cookie(client, copy, settings):
    path = address(client, copy)
    assert path.startswith(f"{BASE}/bodies/")
    answer = there(path)
    assert (answer.status_code, b"Hidden words" in answer.content) == (200, True)
    assert answer["Content-Security-Policy"].startswith("sandbox allow-popups")
    assert f"frame-ancestors {settings.PORTAL_BASE_URL}" in answer["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer
    assert not answer.cookies


def test_its_images_are_there_too(client, copy):
    answer = there(address(client, copy))
    assert f"img-src data: {BASE}/images/;" in answer["Content-Security-Policy"]
    source = answer.content.decode().partition('src="')[2].partition('"')[0]
    assert source.startswith(f"{BASE}/images/")
    image = there(source)
    assert (image.status_code, image["Content-Type"], bool(image.cookies)) == (200, "image/png", False)
    assert read(image).startswith(b"\x89PNG")


def test_remote_images_load_where_the_reader_asked(client, copy):
    assert " https:" in there(address(client, copy, images="1"))["Content-Security-Policy"]
    assert " https:" not in there(address(client, copy))["Content-Security-Policy"]


def test_an_address_holds_for_five_minutes(client, copy):
    path = address(client, copy)
    with time_machine.travel(timezone.now() + timedelta(seconds=299)):
        assert there(path).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(seconds=302)):
        late = there(path)
        assert (late.status_code, bool(late.cookies)) == (404, False)


@pytest.mark.parametrize("spoil", [lambda path: f"{path[:-3]}x/", lambda path: path.replace("/bodies/", "/images/")])
def test_a_forged_address_opens_nothing(client, copy, spoil):
    assert there(spoil(address(client, copy))).status_code == 404


def test_an_address_shows_what_its_reader_may_see_now(client, copy, rita):
    path = address(client, copy)
    copy.state = State.RECALLED
    copy.save()
    assert there(path).status_code == 404
    copy.state = State.HELD
    copy.save()
    rita.frozen_at = timezone.now()
    rita.save()
    assert there(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/inbox/", "/account/login/", "/staff/", "/nothing/"])
def test_nothing_else_is_there_even_for_whoever_brings_a_cookie(client, path):
    answer = there(path, client)
    assert (answer.status_code, answer.content, bool(answer.cookies)) == (404, b"", False)


def test_strangers_get_no_address(copy):
    assert Client().get(reverse("message_body", args=[copy.pk]))["Location"].startswith(reverse("account_login"))
    stranger = signed_in(make_user("mallory@home.example"))
    assert stranger.get(reverse("message_body", args=[copy.pk])).status_code == 404


def test_without_the_setting_there_are_no_signed_bodies(client, copy, settings):
    path = address(client, copy)
    settings.CONTENT_BASE_URL = ""
    assert client.get(path.removeprefix(BASE)).status_code == 404
    assert client.get(reverse("message_body", args=[copy.pk])).status_code == 200


@pytest.mark.parametrize(
    ("base", "host", "faults"),
    [
        (BASE, HOST, set()),
        ("http://localhost:9000", "localhost", {"postern.E009"}),
        ("content.example", "", {"postern.E009", "postern.E010"}),
        ("https://content.example", HOST, {"postern.E010"}),
    ],
)
def test_a_content_host_that_gets_cookies_is_refused(settings, base, host, faults):
    settings.CONTENT_BASE_URL, settings.CONTENT_HOST = base, host
    found = {fault.id for fault in run_checks(tags=[checks.TAG])}
    assert found & {"postern.E009", "postern.E010"} == faults
