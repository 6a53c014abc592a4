"""App passwords: random, shown once, kept as a hash, recorded without a word of it, revoked for good."""

import re

import pytest
from django.contrib.auth.hashers import check_password
from django.urls import reverse

from gateway.models import AppPassword, Relay
from messages_app.models import AuditEvent


@pytest.fixture
def relay(db) -> Relay:
    return Relay.objects.create(name="printers")


def make(client, relay: Relay):
    return client.post(reverse("admin:gateway_apppassword_add"), {"relay": relay.pk, "label": "Second floor"})


def shown(response) -> list[str]:
    return re.findall(r'<code class="staff-mono">(.*?)</code>', response.content.decode())


def test_it_is_shown_once_and_kept_as_a_hash(ines, relay):
    response = make(ines, relay)
    row = AppPassword.objects.get()
    username, password = shown(response)
    assert username == row.username
    assert check_password(password, row.password)
    assert len(password.replace("-", "")) >= 24
    assert "no-store" in response["Cache-Control"]
    url = reverse("admin:gateway_apppassword_change", args=[row.pk])
    assert password not in ines.get(url).content.decode() + str(dict(ines.session))


def test_names_and_passwords_are_all_different(ines, relay):
    seen = [word for _ in range(5) for word in shown(make(ines, relay))]
    assert len(set(seen)) == 10


def test_making_it_is_recorded_without_the_password(ines, relay):
    password = shown(make(ines, relay))[1]
    event, row = AuditEvent.objects.latest("at", "id"), AppPassword.objects.get()
    assert (event.event, event.details["action"]) == ("admin:relay:changed", "added")
    assert event.details["name"] == f"printers: Second floor ({row.username})"
    assert password not in str(event.details)
    assert row.password not in str(event.details)


def test_it_is_revoked_for_good(ines, relay):
    make(ines, relay)
    url = reverse("admin:gateway_apppassword_change", args=[AppPassword.objects.get().pk])
    ines.post(url, {"label": "Second floor", "revoke": "on"})
    assert AppPassword.objects.get().revoked_at is not None
    assert AuditEvent.objects.latest("at", "id").details["fields"] == ["revoke"]
    page = ines.get(url).content.decode()
    assert "revoked 20" in page
    assert 'name="revoke"' not in page


def test_who_only_looks_makes_none(ada, relay):
    assert make(ada, relay).status_code == 403
    assert not AppPassword.objects.exists()


@pytest.mark.parametrize(("text", "kept"), [("AB:" * 31 + "AB", "ab" * 32), ("", "")])
def test_fingerprints_of_a_relay_are_kept_as_they_are_compared(ines, text, kept):
    inlines = {"domains-TOTAL_FORMS": 0, "domains-INITIAL_FORMS": 0}
    ines.post(reverse("admin:gateway_relay_add"), {"name": "x", "enabled": "on", "fingerprints": text} | inlines)
    assert Relay.objects.get(name="x").fingerprints == kept


@pytest.mark.parametrize("field", ["messages_per_minute", "connections", "recipients_per_message"])
def test_a_limit_of_none_at_all_is_refused(ines, field):
    inlines = {"domains-TOTAL_FORMS": 0, "domains-INITIAL_FORMS": 0}
    ines.post(reverse("admin:gateway_relay_add"), {"name": "x", "enabled": "on", field: "0"} | inlines)
    assert not Relay.objects.exists()
