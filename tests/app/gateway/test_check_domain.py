"""`manage.py check_domain` tells in sentences how mail would go, and sends none."""

from ipaddress import ip_network

import pytest
import trustme
from django.core.management import CommandError, call_command

from gateway.models import DomainPolicy
from tests.fakes.dns import Zone, dns_server
from tests.fakes.mx import Script, mx_host, server_context

pytestmark = pytest.mark.django_db
MX1 = "mx1.partner.example"


@pytest.fixture
def check(settings, tmp_path, capsys):
    """Run the command against one scripted host; return what it says and the host."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "roots.pem")
    settings.TRUST_ROOTS = tmp_path / "roots.pem"
    settings.MX_ALLOW_NETWORKS = [ip_network("127.0.0.0/8")]

    def run(target, script=None):
        zone = Zone().mx("partner.example", MX1)
        with dns_server(zone) as dns, mx_host(script or Script(), server_context(ca, MX1)) as host:
            settings.DNS_SERVERS, settings.MX_PORT = [dns], host.port
            call_command("check_domain", target)
        return capsys.readouterr().out, host

    return run


@pytest.mark.parametrize("target", ["partner.example", "rita@partner.example"])
def test_a_good_domain_would_be_delivered_to(check, target):
    said, host = check(target)
    assert f"{MX1} would get mail over TLSv1.3" in said
    assert "Its certificate is for" in said
    assert "would be delivered" in said
    assert host.count("MAIL") == 0


@pytest.mark.parametrize(
    ("script", "sentence", "ending"),
    [
        ({"ehlo": "250 plain"}, f"{MX1} offered no STARTTLS", "would be held"),
        ({"starttls": "454 later"}, "refused to start TLS for now (454)", "would be tried again"),
    ],
)
def test_a_bad_domain_is_told_why(check, script, sentence, ending):
    said, _ = check("partner.example", Script(**script))
    assert sentence in said
    assert ending in said


def test_the_reason_of_a_bad_certificate_is_exact(check):
    DomainPolicy.objects.create(pattern="partner.example", level="secure", match="mx.hoster.example")
    said, _ = check("partner.example")
    assert "The exact reason: none of mx.hoster.example is in it" in said


def test_a_domain_without_mail_would_bounce(check):
    said, _ = check("nowhere.example")
    assert "does not exist" in said
    assert "returned to its sender" in said


def test_a_domain_may_be_named_in_its_own_letters(check):
    DomainPolicy.objects.create(pattern="xn--bcher-kva.example", level="portal-only")
    said, _ = check("bücher.example")
    assert "held in the portal" in said


def test_portal_only_tries_no_server(check):
    DomainPolicy.objects.create(pattern="partner.example", level="portal-only")
    said, host = check("partner.example")
    assert "held in the portal" in said
    assert host.connections == 0


def test_what_is_no_domain_is_refused(check):
    with pytest.raises(CommandError):
        check("[192.0.2.1]")
