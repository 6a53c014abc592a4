"""Who is asking: the address and browser that alerts and the audit log name."""

from dataclasses import dataclass

from allauth.core.internal.httpkit import get_client_ip
from django.http import HttpRequest

from messages_app.rules.display import one_line

BROWSER_LIMIT = 200


@dataclass(frozen=True)
class Client:
    """The other side of a request, as far as it can be known."""

    ip: str | None
    browser: str


# Where no request is behind what is done.
NOBODY = Client(None, "")


def client_of(request: HttpRequest) -> Client:
    """Return the client of `request`; the address is believed only through as many proxies as are trusted."""
    return Client(get_client_ip(request), one_line(request.headers.get("user-agent", ""), BROWSER_LIMIT))
