"""`manage.py smtpd`: what it refuses to start with."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from gateway.listener import Settings
from gateway.management.commands.smtpd import Command, listener_settings, parse_addresses, refuse_keys


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("127.0.0.1:2525", [("127.0.0.1", 2525)]),
        ("0.0.0.0:25, [::1]:2525", [("0.0.0.0", 25), ("::1", 2525)]),
        (":25", [("", 25)]),
    ],
)
def test_where_to_listen_is_host_and_port(text, pairs):
    assert parse_addresses(text) == pairs


@pytest.mark.parametrize("text", ["", "localhost", "127.0.0.1:smtp", "127.0.0.1:25,"])
def test_anything_else_is_an_error(text):
    with pytest.raises(CommandError, match="host:port"):
        parse_addresses(text)


def test_it_refuses_to_start_where_it_could_read_the_key_ring(settings, tmp_path):
    settings.KEY_DIR = tmp_path
    refuse_keys()  # an empty directory opens nothing
    (tmp_path / "root.json").write_text("{}")
    with pytest.raises(CommandError, match="key ring"):
        call_command(Command())


def test_it_starts_without_a_key_directory(settings):
    settings.KEY_DIR = None
    refuse_keys()


@pytest.mark.parametrize("certificate", ["missing.pem", None])
def test_it_refuses_to_start_without_a_certificate(settings, tmp_path, certificate):
    settings.KEY_DIR = None
    settings.SMTPD_CERTIFICATE = certificate and tmp_path / certificate
    with pytest.raises(CommandError, match="SMTPD_CERTIFICATE"):
        call_command(Command())


def test_the_settings_reach_the_listener(settings):
    settings.MESSAGE_SIZE_LIMIT, settings.RECIPIENT_LIMIT, settings.SMTPD_REQUIRE_TLS = 7, 8, False
    made = listener_settings()
    assert isinstance(made, Settings)
    assert (made.options.limits.size, made.options.limits.recipients, made.options.require_tls) == (7, 8, False)
