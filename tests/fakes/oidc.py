"""A sign-in provider on loopback that speaks OpenID Connect in earnest: PKCE, client secret, signed ID tokens.

A test says who sits before it, and what it does wrong. What it can't forgive it
refuses with an error, so that a client which leaves something out never gets a token.
"""

import base64
import contextlib
import hashlib
import hmac
import html
import json
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID = "postern"
CLIENT_SECRET = "a-secret-between-the-two"
TENANT = "11111111-2222-3333-4444-555555555555"


@dataclass
class Account:
    """Who signs in at the provider, and what the token says of them beyond that."""

    address: str
    subject: str = "subject-1"
    claims: dict[str, Any] = field(default_factory=dict)


@dataclass
class Provider:
    """The provider: who sits before it, what it does wrong, and what it was asked."""

    port: int
    account: Account
    # Show a page with a button, as a browser would see it; without, every sign-in succeeds at once.
    asks: bool = False
    down: bool = False
    denies: bool = False
    audience: str = CLIENT_ID
    issuer: str = ""
    nonce: str | None = None
    state: str | None = None
    lasts: int = 300
    forged: bool = False
    unsigned: bool = False
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address of the provider, which is its issuer too."""
        return f"http://localhost:{self.port}"

    def settings(self, *domains: str, **more: str) -> dict[str, Any]:
        """Return one object of OIDC_PROVIDERS that leads here."""
        return {
            "id": "partner",
            "name": "Partner ID",
            "server_url": self.url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "domains": list(domains),
        } | more

    # --- What it answers

    def discovery(self) -> dict[str, Any]:
        """Return what it says of itself (OpenID Connect Discovery 3)."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def keys(self) -> dict[str, Any]:
        """Return the key that its tokens are signed with."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [key | {"kid": "1", "use": "sig", "alg": "RS256"}]}

    def mistake_in(self, query: dict[str, str]) -> str:
        """Return what is wrong with a request for authorization, "" where nothing is."""
        expected = {"client_id": CLIENT_ID, "response_type": "code", "code_challenge_method": "S256"}
        wrong = [name for name, value in expected.items() if query.get(name) != value]
        wrong += [name for name in ("redirect_uri", "state", "nonce", "code_challenge") if not query.get(name)]
        if "openid" not in query.get("scope", "").split():
            wrong.append("scope")
        return ", ".join(wrong)

    def lead_back(self, query: dict[str, str]) -> str:
        """Return where the browser goes after a sign-in, or after a cancelled one."""
        state = self.state if self.state is not None else query["state"]
        if self.denies:
            return f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': state})}"
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': state})}"

    def token(self, form: dict[str, str]) -> dict[str, Any] | None:
        """Return the answer to a code: once, for whoever has the client's secret and the verifier (RFC 7636)."""
        query = self.codes.pop(form.get("code", ""), None)
        if query is None or not hmac.compare_digest(form.get("client_secret", ""), CLIENT_SECRET):
            return None
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if challenge != query["code_challenge"] or form.get("redirect_uri") != query["redirect_uri"]:
            return None
        return {"access_token": "unused", "token_type": "Bearer", "id_token": self.id_token(query)}

    def id_token(self, query: dict[str, str]) -> str:
        """Return the token about `account`."""
        now = int(time.time())
        claims = {
            "iss": self.issuer or self.url,
            "sub": self.account.subject,
            "aud": self.audience,
            "iat": now,
            "exp": now + self.lasts,
            "nonce": self.nonce if self.nonce is not None else query["nonce"],
            "email": self.account.address,
            "email_verified": True,
            "name": "Rita of Partner",
        } | self.account.claims
        if self.unsigned:
            return jwt.encode(claims, key="", algorithm="none", headers={"kid": "1"})
        key = rsa.generate_private_key(65537, 2048) if self.forged else self.key
        return jwt.encode(claims, key=key, algorithm="RS256", headers={"kid": "1"})


PAGE = """<!doctype html><html lang="en"><title>Partner ID</title><link rel="icon" href="data:,"><h1>Partner ID</h1>
<form method="post" action="/authorize">{fields}<button>Sign in as {who}</button></form></html>"""


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        """Answer discovery, keys and the beginning of a sign-in."""
        url = urlsplit(self.path)
        if self.provider.down:
            self._say(503, "down")
        elif url.path == "/.well-known/openid-configuration":
            self._say(200, self.provider.discovery())
        elif url.path == "/keys":
            self._say(200, self.provider.keys())
        elif url.path == "/authorize":
            self._authorize(_flat(url.query))
        else:
            self._say(404, "nothing here")

    def do_POST(self) -> None:
        """Answer the button, and exchange a code."""
        form = _flat(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.provider.down:
            self._say(503, "down")
        elif self.path == "/authorize":
            self._redirect(self.provider.lead_back(form))
        elif self.path == "/token":
            answer = self.provider.token(form)
            self._say(200 if answer else 400, answer or {"error": "invalid_grant"})
        else:
            self._say(404, "nothing here")

    def _authorize(self, query: dict[str, str]) -> None:
        self.provider.asked.append(query)
        if mistake := self.provider.mistake_in(query):
            self._say(400, f"wrong: {mistake}")
        elif self.provider.asks:
            fields = "".join(f'<input type="hidden" name="{k}" value="{html.escape(v)}">' for k, v in query.items())
            self._say(200, PAGE.format(fields=fields, who=html.escape(self.provider.account.address)), "text/html")
        else:
            self._redirect(self.provider.lead_back(query))

    def _redirect(self, location: str) -> None:
        self.send_response(302)
        self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _say(self, status: int, what: Any, kind: str = "application/json") -> None:
        body = (what if isinstance(what, str) else json.dumps(what)).encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


def _flat(query: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(query).items()}


@contextlib.contextmanager
def provider(address: str) -> Iterator[Provider]:
    """Run a provider before which sits the owner of `address`."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.provider = Provider(server.server_port, Account(address))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield handler.provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
