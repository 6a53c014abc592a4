"""Whether the portal and intake answer yet."""

import http.client
import socket

from django.conf import settings

PATIENCE = 1.0
SERVER_ERROR = 500


def _host_port(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host.strip("[]") or "127.0.0.1", int(port)


def web_answers() -> bool:
    """Return whether a page comes back; a redirect to https or to sign-in is one."""
    connection = http.client.HTTPConnection(*_host_port(settings.WEB_LISTEN), timeout=PATIENCE)
    try:
        connection.request("GET", "/", headers={"Host": settings.PORTAL_HOST})
        return connection.getresponse().status < SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def smtpd_answers() -> bool:
    """Return whether intake greets."""
    try:
        with socket.create_connection(_host_port(settings.SMTPD_LISTEN), PATIENCE) as connection:
            connection.settimeout(PATIENCE)
            greeting = connection.recv(512)
            connection.sendall(b"QUIT\r\n")
            return greeting.startswith(b"220")
    except OSError:
        return False


def everything_answers() -> bool:
    """Return whether both answer."""
    return smtpd_answers() and web_answers()
