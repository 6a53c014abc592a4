"""What stops a role from starting, each rule with what it lets through."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from messages_app.sealing import keyring
from portal.checks import RING, TAG, is_email_url, is_loopback, refuse_to_start_unsafe, run_checks

OFF_LOOPBACK = {"PORTAL_HOST": "mail.example.org", "HTTPS": True}


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    (tmp_path / RING).write_bytes(b"not read here")
    return tmp_path


@pytest.fixture
def safe(settings, ring):
    """Return a configuration without a fault."""
    settings.ROLE, settings.KEY_DIR = "web", ring
    settings.PORTAL_HOST, settings.HTTPS, settings.SMTPD_LISTEN = "localhost", False, "127.0.0.1:2525"
    settings.DEMO, settings.DNS_SERVERS, settings.MX_PORT = False, [], 25
    settings.MX_ALLOW_NETWORKS, settings.TRUST_ROOTS = [], None
    settings.HOLD_DAYS, settings.SECRET_KEY = 30, "k" * 50
    settings.EMAIL_URL = "mx:"
    return settings


def found() -> set[str]:
    return {message.id for message in run_checks(tags=[TAG])}


def test_a_safe_configuration_starts(safe):
    assert found() == set()
    refuse_to_start_unsafe()


@pytest.mark.parametrize(
    ("role", "server", "warned"),
    [
        ("delivery", "127.0.0.1:53", False),
        ("all", "[::1]:53", False),
        ("delivery", "192.0.2.1:53", True),
        ("all", "192.0.2.1:53", True),
        ("web", "192.0.2.1:53", False),  # asks nobody
    ],
)
def test_a_resolver_elsewhere_is_warned_of_and_stops_nobody(safe, role, server, warned):
    safe.ROLE, safe.DNS_SERVERS = role, [server]
    assert found() == ({"postern.W001"} if warned else set())
    refuse_to_start_unsafe()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"ROLE": "smtp"}, "postern.E001"),
        ({"ROLE": "smtpd"}, "postern.E002"),
        ({"ROLE": "notices"}, "postern.E002"),
        ({"KEY_DIR": None}, "postern.E003"),
        ({"ROLE": "delivery", "KEY_DIR": Path("/nonexistent")}, "postern.E003"),
        ({"HOLD_DAYS": 0}, "postern.E005"),
        ({"HOLD_DAYS": -1}, "postern.E005"),
        ({"SECRET_KEY": "k" * 49}, "postern.E006"),
        ({"EMAIL_URL": "smtp.example.org"}, "postern.E007"),
        ({"PORTAL_HOST": "mail.example.org"}, "postern.E008"),
        ({"PORTAL_HOST": "192.0.2.7"}, "postern.E008"),
    ],
)
def test_an_unsafe_setting_is_an_error(safe, changes, error):
    for name, value in changes.items():
        setattr(safe, name, value)
    assert error in found()


@pytest.mark.parametrize(
    "seam",
    [
        {"DEMO": True},
        {"DNS_SERVERS": ["127.0.0.1:5353"]},
        {"MX_PORT": 2526},
        {"MX_ALLOW_NETWORKS": [ip_network("127.0.0.0/8")]},
        {"TRUST_ROOTS": Path("ca.pem")},
        {"MTA_STS_PORT": 8443},
    ],
)
@pytest.mark.parametrize("reachable", [OFF_LOOPBACK, {"SMTPD_LISTEN": "0.0.0.0:25"}, {"SMTPD_LISTEN": "[::]:25"}])
def test_a_seam_is_refused_where_others_can_reach_the_host(safe, seam, reachable):
    for name, value in seam.items():
        setattr(safe, name, value)
    assert "postern.E004" not in found()
    for name, value in reachable.items():
        setattr(safe, name, value)
    assert "postern.E004" in found()


@pytest.mark.parametrize("role", ["smtpd", "notices", "beat", ""])
def test_a_role_that_opens_nothing_needs_no_ring(safe, role):
    safe.ROLE, safe.KEY_DIR = role, None
    assert found() == set()


def test_the_ring_is_looked_for_where_it_is_made(settings, tmp_path):
    settings.KEY_DIR = tmp_path
    assert keyring._ring_file() == tmp_path / RING


def test_an_empty_key_folder_is_no_ring(safe, tmp_path):
    safe.KEY_DIR = tmp_path / "empty"
    safe.KEY_DIR.mkdir()
    assert found() == {"postern.E003"}


def test_the_refusal_names_every_error_and_no_secret(safe):
    safe.EMAIL_URL, safe.HOLD_DAYS = "smpt://ines:hunter2@host", 0
    with pytest.raises(ImproperlyConfigured) as refusal:
        refuse_to_start_unsafe()
    assert "EMAIL_URL" in str(refusal.value)
    assert "HOLD_DAYS" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("[::1]", True),
        ("", False),  # an empty listen address is every address
        ("0.0.0.0", False),
        ("localhost.example.org", False),
    ],
)
def test_only_this_machine_is_loopback(host, loopback):
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("mx:", True),
        ("smtp://127.0.0.1:1025", True),
        ("smtp+tls://ines:p%40ss@smtp.example.org:587", True),
        ("smtps://smtp.example.org", True),
        ("", False),
        ("mx", False),
        ("smtp://", False),
        ("smtp://host:port", False),
        ("http://smtp.example.org", False),
        ("console:", False),
    ],
)
def test_an_email_url_names_a_way_out(url, good):
    assert is_email_url(url) is good
