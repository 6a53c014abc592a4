"""Where a notice goes when there is no smarthost: the MX hosts of its recipient's domain.

`notifications` can't import the gateway; `settings.NOTICE_MX_HOSTS` names this function.
"""

from django.conf import settings

from gateway import mx
from gateway.configured import delivery_settings
from gateway.delivery import SHUFFLE
from gateway.models import HomeDomain
from gateway.resolver import Resolver
from gateway.rules.routing import parse_next_hop
from messages_app.rules.mailbox import domain_of


def find(address: str) -> list[tuple[str, str, int]]:
    """Return (name, IP, port) of each host to try for `address`, in order; none where there is none.

    A home domain's own next hop comes before its MX: that is how mail goes home.
    """
    domain = domain_of(address)
    known = delivery_settings()
    resolver = Resolver(known.dns_servers, known.dns_timeout)
    home = HomeDomain.objects.filter(domain=domain, relay__enabled=True).first()
    if home:
        host, port = parse_next_hop(home.next_hop)
        hosts = mx.resolve_next_hop(host, port or settings.MX_PORT, resolver=resolver)
    else:
        bounds = mx.Bounds(allow_networks=known.allow_networks, own_names=known.own_names)
        hosts = mx.look_up(domain, known.port, resolver=resolver, bounds=bounds, shuffle=SHUFFLE)
    return [(found.host, found.ip, found.port) for found in hosts.addresses]
