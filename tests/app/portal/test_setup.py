"""What `manage.py setup` makes, and what it refuses."""

import io
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command

from gateway.models import HomeDomain, Relay
from messages_app import audit
from messages_app.models import AuditEvent
from notifications import transport
from portal.accounts.models import User
from portal.certificates import Authority, self_signed
from portal.installation import probe as probing
from portal.installation.answers import Answers, Home, ask_for_missing, parse_home
from portal.installation.steps import Impossible, install_certificate, make_administrator, make_relay

PASSWORD = "violet tram over the harbour"
HOME = Home("home.example", "mail.home.example:25")

pytestmark = pytest.mark.django_db


@pytest.fixture
def in_place(settings, tmp_path: Path):
    settings.SMTPD_CERTIFICATE, settings.SMTPD_PRIVATE_KEY = tmp_path / "cert.pem", tmp_path / "key.pem"
    return settings


def test_the_first_administrator_has_a_second_factor():
    secret = make_administrator("Ines@home.example", PASSWORD)
    ines = User.objects.get(email="ines@home.example")
    assert ines.is_superuser
    assert secret
    assert Authenticator.objects.filter(user=ines, type=Authenticator.Type.TOTP).exists()


def test_an_administrator_who_is_there_is_left_alone():
    make_administrator("ines@home.example", PASSWORD)
    before = User.objects.get().password
    assert make_administrator("INES@home.example", "another quite long password") == ""
    assert User.objects.get().password == before


def test_a_weak_password_is_refused():
    with pytest.raises(Impossible, match="12 characters"):
        make_administrator("ines@home.example", "short")
    assert not User.objects.exists()


def test_a_relay_gets_its_networks_and_the_way_home():
    make_relay(Answers(relay="Sam's", networks="192.0.2.0/24", homes=[HOME]))
    assert Relay.objects.get().networks == "192.0.2.0/24"
    assert HomeDomain.objects.get().next_hop == "mail.home.example:25"
    assert AuditEvent.objects.filter(event=audit.Event.RELAY_CHANGED).count() == 2


def test_setting_up_again_changes_and_does_not_double():
    make_relay(Answers(relay="Sam's", networks="192.0.2.0/24", homes=[HOME]))
    make_relay(Answers(relay="Sam's", networks="198.51.100.0/24", homes=[Home("home.example", "new.home.example")]))
    assert Relay.objects.get().networks == "198.51.100.0/24"
    assert HomeDomain.objects.get().next_hop == "new.home.example"


def test_a_network_that_is_none_is_refused_and_nothing_is_kept():
    with pytest.raises(Impossible):
        make_relay(Answers(relay="Sam's", networks="10.0.0.5/8", homes=[HOME]))
    assert not Relay.objects.exists()


def test_an_imported_certificate_is_trusted_on_the_way_home(tmp_path):
    (tmp_path / "house-ca.pem").write_bytes(Authority("House").pem)
    make_relay(Answers(relay="Sam's", networks="192.0.2.1", homes=[HOME], trust=tmp_path / "house-ca.pem"))
    assert [row.name for row in HomeDomain.objects.get().trusted.all()] == ["house-ca"]


def test_a_file_that_is_no_certificate_is_refused(tmp_path):
    (tmp_path / "note.pem").write_text("not a certificate")
    with pytest.raises(Impossible, match=r"note\.pem"):
        make_relay(Answers(relay="Sam's", networks="192.0.2.1", homes=[HOME], trust=tmp_path / "note.pem"))
    assert not Relay.objects.exists()


def test_a_certificate_is_installed_with_its_key_or_not_at_all(in_place, tmp_path):
    self_signed("postern.home.example").write(tmp_path / "new.pem", tmp_path / "new.key")
    self_signed("other.home.example").write(tmp_path / "other.pem", tmp_path / "other.key")
    with pytest.raises(Impossible, match="fit together"):
        install_certificate(tmp_path / "new.pem", tmp_path / "other.key")
    with pytest.raises(Impossible, match="private key"):
        install_certificate(tmp_path / "new.pem", None)
    assert not in_place.SMTPD_CERTIFICATE.exists()
    install_certificate(tmp_path / "new.pem", tmp_path / "new.key")
    assert in_place.SMTPD_CERTIFICATE.read_bytes() == (tmp_path / "new.pem").read_bytes()


def test_a_certificate_that_is_there_is_kept(in_place):
    assert install_certificate(None, None).startswith("made")
    before = in_place.SMTPD_CERTIFICATE.read_bytes()
    assert install_certificate(None, None).startswith("kept")
    assert in_place.SMTPD_CERTIFICATE.read_bytes() == before


def test_a_probe_that_leaves_and_stays_away_is_good(monkeypatch):
    sent = []
    monkeypatch.setattr(transport, "send", sent.append)
    probing.probe("ines@home.example", 0.1)
    assert [mail.to_address for mail in sent] == ["ines@home.example"]


def test_a_probe_that_comes_back_through_intake_is_told(monkeypatch):
    monkeypatch.setattr(transport, "send", lambda _mail: audit.record(audit.Event.NOTICE_LOOPED))
    with pytest.raises(Impossible, match="came back"):
        probing.probe("ines@home.example", 1)


def test_a_probe_that_intake_itself_refuses_came_back_too(monkeypatch):
    def refuse(_mail):
        raise transport.NotSent("554 5.4.6 This is our own notice", permanent=True)

    monkeypatch.setattr(transport, "send", refuse)
    with pytest.raises(Impossible, match="came back"):
        probing.probe("ines@home.example", 1)


def test_questions_fill_what_flags_left_open():
    replies = iter(["ines@home.example", "Sam's", "192.0.2.1", "home.example=mail.home.example", "", "", ""])
    answers = Answers()
    ask_for_missing(answers, lambda _question: next(replies), lambda _question: PASSWORD)
    assert answers == Answers(
        administrator="ines@home.example",
        password=PASSWORD,
        relay="Sam's",
        networks="192.0.2.1",
        homes=[Home("home.example", "mail.home.example")],
    )


@pytest.mark.parametrize("text", ["", "home.example", "home.example=", "=host"])
def test_a_home_without_both_halves_is_refused(text):
    with pytest.raises(ValueError, match="is not domain=host"):
        parse_home(text)


def test_without_questions_only_flags_count(in_place, monkeypatch, tmp_path):
    for step in ("make_tables", "make_keys"):
        monkeypatch.setattr(f"portal.management.commands.setup.{step}", lambda: None)
    (tmp_path / "password").write_text(PASSWORD + "\n")
    words = io.StringIO()
    flags = ["--non-interactive", "--administrator=ines@home.example", f"--password-file={tmp_path}/password"]
    call_command("setup", *flags, "--relay=Sam's", "--networks=192.0.2.1", "--home=home.example=mail", stdout=words)
    assert "authenticator secret" in words.getvalue()
    assert "Never keep the data and the keys in one backup" in words.getvalue()
    assert HomeDomain.objects.get().domain == "home.example"
    with pytest.raises(CommandError, match="is not domain=host"):
        call_command("setup", "--non-interactive", "--home=home.example", stdout=words)
