"""A browser without JavaScript: cookies, redirects, forms. Raises Astray where a page is not as expected."""

import secrets
import urllib.error
import urllib.request
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlencode, urljoin

from portal.demo.page import Form, Link, PageParser

PATIENCE = 30.0
Upload = tuple[str, bytes]


class Astray(Exception):  # noqa: N818, it is told as a story
    """A page did not show what the visitor came for."""


class Page:
    """One page as it came."""

    def __init__(self, url: str, status: int, headers: dict[str, str], body: bytes) -> None:
        self.url, self.status, self.headers, self.body = url, status, headers, body
        is_html = headers.get("content-type", "").startswith("text/html")
        self._parsed = PageParser(body.decode(errors="replace") if is_html else "")
        self.text, self.links, self.forms = self._parsed.text, self._parsed.links, self._parsed.forms
        self.frames = self._parsed.frames

    def form_with(self, *fields: str) -> Form:
        """Return the form that has all these fields."""
        for form in self.forms:
            if set(fields) <= {*form.fields, *form.files}:
                return form
        raise Astray(f"{self.url} ({self.status}) has no form with {', '.join(fields)}: {self.text[:300]}")

    def link_to(self, part: str) -> Link:
        """Return the first link whose address or words contain `part`."""
        for link in self.links:
            if part in link.target or part in link.text:
                return link
        raise Astray(f"{self.url} ({self.status}) has no link to {part}: {self.text[:300]}")


class Visitor:
    """One person with one browser."""

    def __init__(self, base_url: str) -> None:
        self._base = base_url
        # Python's jar would keep Secure cookies from http://localhost; browsers do not.
        self._jar = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._jar)
        )

    def get(self, address: str) -> Page:
        """Return the page at `address`, absolute or a path, redirects followed."""
        return self._open(urllib.request.Request(urljoin(self._base + "/", address)))  # noqa: S310, our own portal

    def submit(self, page: Page, form: Form, *, upload: Upload | None = None, **values: str) -> Page:
        """Return what comes back when `form` of `page` is sent with `values` typed and `upload` chosen."""
        if upload and not form.files:
            raise Astray(f"{page.url} takes no file")
        fields = form.fields | values
        if form.buttons and form.buttons[0][0]:
            fields.setdefault(*form.buttons[0])
        if form.multipart:
            kind, body = multipart(fields, {name: upload if name == form.files[0] else None for name in form.files})
        else:
            kind, body = "application/x-www-form-urlencoded", urlencode(fields).encode()
        target = urljoin(page.url, form.action or page.url)
        headers = {"Content-Type": kind, "Referer": page.url, "Origin": self._base}
        return self._open(urllib.request.Request(target, body, headers, method="POST"))  # noqa: S310, as above

    def _open(self, request: urllib.request.Request) -> Page:
        request.add_header("User-Agent", "Postern demo visitor")
        try:
            response = self._opener.open(request, timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Page(response.url, response.status or 0, headers, response.read())


def multipart(fields: dict[str, str], files: dict[str, Upload | None]) -> tuple[str, bytes]:
    """Return content type and body of a form with files; one that is None is left empty, as browsers do."""
    boundary = secrets.token_hex(16)
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    for name, upload in files.items():
        file_name, content = upload or ("", b"")
        head = f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
        parts.append(f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + content)
    body = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()
