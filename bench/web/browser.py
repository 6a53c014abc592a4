"""A reader's browser without the browser: one kept connection, cookies, and pages as they are served."""

import http.client
import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode

# Of the cast.
PASSWORD = "seven purple geese sing"  # noqa: S105
FORM = "application/x-www-form-urlencoded"
_BLOCK = bytearray(1024 * 1024)


class Browser:
    """Asks one server; remembers its cookies."""

    def __init__(self, port: int, session: str = "") -> None:
        self._connection = http.client.HTTPConnection("localhost", port, timeout=120)
        self.cookies = {"session": session} if session else {}

    def get(self, path: str, **headers: str) -> tuple[dict[str, str], bytes]:
        """Return the headers and the body of `path`. Raises AssertionError where it is not 200."""
        answer = self._ask("GET", path, None, headers)
        body = answer.read()
        assert answer.status == 200, f"{path}: {answer.status}"
        return {name.lower(): value for name, value in answer.getheaders()}, body

    def download(self, path: str) -> int:
        """Return how many bytes `path` has, read in large blocks and dropped."""
        answer, size = self._ask("GET", path, None, {}), 0
        assert answer.status == 200, f"{path}: {answer.status}"
        while count := answer.readinto(_BLOCK):
            size += count
        return size

    def post(self, path: str, **fields: str) -> int:
        """Return the status of a form sent to `path`, with the CSRF token that the last page brought."""
        body = urlencode({"csrfmiddlewaretoken": self.cookies["csrf"]} | fields)
        answer = self._ask("POST", path, body, {"Content-Type": FORM})
        answer.read()
        return answer.status

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> http.client.HTTPResponse:
        sent = headers | {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        try:
            self._connection.request(method, path, body, sent)
            answer = self._connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            # It was idle too long: the server closed it.
            self._connection.close()
            self._connection.request(method, path, body, sent)
            answer = self._connection.getresponse()
        for line in answer.headers.get_all("Set-Cookie", []):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return answer


def assets(page: bytes) -> list[str]:
    """Return the addresses of the styles and scripts of a page."""
    return re.findall(r'<(?:link rel="stylesheet" href|script src)="([^"]+)"', page.decode())
