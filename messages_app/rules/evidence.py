"""One host's part of an attempt, as lines that people read: what was offered, proved and said.

The evidence is what `gateway.rules.outcome.HostResult` left in `Attempt.evidence`.
It may be older than this code, so nothing that is missing or odd breaks a page.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

OFFERED = {True: "offered", False: "not offered"}
PHASES = {
    "lookup": "the look-up of its address",
    "connect": "connecting",
    "greeting": "its greeting",
    "ehlo": "EHLO",
    "starttls": "STARTTLS",
    "handshake": "the TLS handshake",
    "ehlo2": "EHLO over TLS",
    "mail": "MAIL FROM",
    "rcpt": "RCPT TO",
    "data": "DATA",
    "body": "sending the message",
    "dot": "the end of the message",
    "done": "the end: the message was taken",
}
CLASSES = {
    "ok": ("took the message", "good"),
    "tlsfail": ("TLS cannot be had", "bad"),
    "tlsfail-soft": ("TLS failed, perhaps by accident", "wait"),
    "temp": ("temporary failure", "wait"),
    "next": ("refused at its greeting", "wait"),
    "permanent": ("refused for good", "bad"),
    "oversize": ("cannot take a message like this", "bad"),
    "ambiguous": ("may have the message", "wait"),
    "config": ("not judged: a fault of our own", "bad"),
}


@dataclass(frozen=True, slots=True)
class HostLines:
    """One MX host: its name, what it came to (words and tone: good, wait, bad, quiet), and its lines."""

    name: str
    verdict: str
    tone: str
    sentence: str
    lines: tuple[tuple[str, str], ...]


def describe(evidence: Any) -> list[HostLines]:
    """Return the hosts of an attempt in the order tried. Never raises; what is not a list of dicts has no hosts."""
    hosts = evidence if isinstance(evidence, list) else []
    return [_host(host) for host in hosts if isinstance(host, Mapping)]


def _host(host: Mapping[str, Any]) -> HostLines:
    verdict, tone = CLASSES.get(_text(host, "class"), (_text(host, "class"), "quiet"))
    lines = tuple((label, text) for label, read in LINES if (text := read(host)))
    return HostLines(_text(host, "mx_host") or "(no host)", verdict, tone, _text(host, "sentence"), lines)


def _text(host: Mapping[str, Any], name: str) -> str:
    value = host.get(name)
    return "" if value is None else str(value)


def _plain(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda host: _text(host, name)


def _address(host: Mapping[str, Any]) -> str:
    ip, port = _text(host, "ip"), _text(host, "port")
    shown = f"[{ip}]" if ":" in ip else ip
    return f"{shown}, port {port}" if ip and port not in {"", "0"} else shown


def _reached(host: Mapping[str, Any]) -> str:
    phase = _text(host, "phase")
    return PHASES.get(phase, phase)


def _starttls(host: Mapping[str, Any]) -> str:
    value = host.get("starttls_offered")
    return OFFERED.get(value, "") if isinstance(value, bool) else ""


def _lines(name: str) -> Callable[[Mapping[str, Any]], str]:
    """Return what reads a list of texts, one a line."""

    def read(host: Mapping[str, Any]) -> str:
        found = host.get(name)
        return "\n".join(str(one) for one in found) if isinstance(found, list | tuple) else ""

    return read


def _verification(host: Mapping[str, Any]) -> str:
    code, words = _text(host, "verify_code"), _text(host, "verify_message")
    if code == "0" or (not code and not words):
        return words
    return f"{words or 'failed'} (OpenSSL error {code})" if code else words


def _reply(host: Mapping[str, Any]) -> str:
    return " ".join(part for name in ("smtp_code", "enhanced", "smtp_text") if (part := _text(host, name)))


def _connection(host: Mapping[str, Any]) -> str:
    if host.get("no_route"):
        return "this machine cannot reach addresses of this family"
    return "reused from the message before" if host.get("reused") else ""


LINES: tuple[tuple[str, Callable[[Mapping[str, Any]], str]], ...] = (
    ("Address", _address),
    ("Connection", _connection),
    ("Got as far as", _reached),
    ("STARTTLS", _starttls),
    ("Level", _plain("level")),
    ("TLSA records", _lines("tlsa")),
    ("MTA-STS", _plain("mta_sts")),
    ("Protocol", _plain("protocol")),
    ("Cipher", _plain("cipher")),
    ("Certificate of", _plain("subject")),
    ("Issued by", _plain("issuer")),
    ("Valid until", _plain("not_after")),
    ("SHA-256 fingerprints", _lines("chain_fingerprints")),
    ("Verification", _verification),
    ("Result type (RFC 8460)", _plain("result_type")),
    ("SMTP reply", _reply),
)
