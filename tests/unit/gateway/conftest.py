"""Hosts, zones and jobs for the tests of delivery, over real sockets on loopback."""

import io
from dataclasses import replace
from ipaddress import ip_network

import pytest
import trustme

from gateway.delivery import DeliverySettings, Job
from gateway.rules.routing import Policy, route
from gateway.smtp_client import Timeouts

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
HASTY = Timeouts(**dict.fromkeys(Timeouts.__slots__, 2.0))
CONTENT = b"Subject: the canary\r\n\r\nCanary in the text.\r\n.leading dot\r\n"


@pytest.fixture(scope="session")
def ca():
    return trustme.CA()


@pytest.fixture(scope="session")
def roots(ca, tmp_path_factory):
    """Return a PEM file in place of the system's CAs."""
    path = tmp_path_factory.mktemp("trust") / "roots.pem"
    ca.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def settings_for(roots):
    """Return delivery settings for a fake DNS server and a port."""

    def make(dns, port, **changes):
        made = DeliverySettings(
            helo_name="gateway.home.example",
            port=port,
            dns_servers=(dns,),
            dns_timeout=2.0,
            allow_networks=LOOPBACK,
            trust_roots=roots,
            timeouts=HASTY,
        )
        return replace(made, **changes)

    return make


@pytest.fixture
def job_for():
    """Return a job from Sam to Rita, or to whom the test names."""

    def make(*recipients, policy=None, homes=None, content=CONTENT, **changes):
        recipients = recipients or ("rita@partner.example",)
        policies = {"*": policy or Policy()}
        made = Job(
            reverse_path="sam@home.example",
            recipients=recipients,
            route=route(recipients[0], homes or {}, policies),
            size=len(content),
            open_raw=lambda: io.BytesIO(content),
        )
        return replace(made, **changes)

    return make
