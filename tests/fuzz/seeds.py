"""What the fuzzer begins with: one good example of each thing that is read, and words that make up others."""

from datetime import UTC, datetime

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

HOST = "mx.partner.example"

_HELLO = b"EHLO client.home.example\r\n"
_MAIL = b"MAIL FROM:<sam@home.example> SIZE=20 BODY=8BITMIME RET=HDRS ENVID=a+2Bb\r\n"
_RCPT = b'RCPT TO:<"r i"@partner.example> NOTIFY=DELAY,FAILURE ORCPT=rfc822;rita+40partner.example\r\n'
SMTP = (
    b"\x00\x01" + _HELLO + _MAIL + _RCPT + b"DATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n",
    b"\x00\x05" + _HELLO + _MAIL + _RCPT + b"BDAT 10\r\nSubject: xBDAT 4 LAST\r\n\r\n\r\nRSET\r\n",
    b"\x02\x03" + _HELLO + b"AUTH PLAIN AHNhbQByaWdodA==\r\nAUTH LOGIN\r\nc2Ft\r\nd3Jvbmc=\r\nVRFY sam\r\nHELP\r\n",
    b"\x01\x07" + _HELLO + b"STARTTLS\r\nMAIL FROM:<>\r\n",
    b"\x00\x02HELO c\r\nMAIL FROM:<@a.example,@b.example:sam@home.example>\r\nRCPT TO:<postmaster>\r\nDATA\r\na\n.\n",
)
REPLIES = (
    b"220 mx.partner.example ESMTP\r\n",
    b"250-mx.partner.example\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250 ENHANCEDSTATUSCODES\r\n",
    b"452 4.5.3 Too many recipients\r\n",
    b"552 5.3.4 Message too big\r\n421\r\n",
)
STS = (
    b"version: STSv1\r\nmode: enforce\r\nmx: mx.partner.example\r\nmx: *.partner.example\r\nmax_age: 604800\r\n",
    b"version: STSv1\nmode: none\nmax_age: 0\n\n",
    b"v=STSv1; id=20260101T000000; x=y;",
    b"version: STSv1\r\nmode: enforce\r\nmx: *.mx.partner.example\r\nmx: *.partner.example\r\nmax_age: 86400\r\n",
)
_REPORT = b"""Content-Type: multipart/report; report-type=delivery-status;\r
 boundary="=_b"\r
Subject: =?utf-8?q?Undelivered_Mail?=\r
\r
--=_b\r
Content-Type: text/plain\r
\r
Sorry\r
--=_b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.partner.example\r
\r
Final-Recipient: rfc822; rita@partner.example\r
Action: failed (really)\r
Status: 5.1.1\r
\r
--=_b--\r
"""
DSN = (
    _REPORT,
    _REPORT.replace(
        b"-status\r\n\r\nR", b"-status\r\nContent-Transfer-Encoding: base64\r\n\r\nQWN0aW9uOiBmYWlsZWQK\r\nR"
    ),
    b"Subject: failure notice\r\n\r\nHi. This is the qmail-send program\r\n<rita@partner.example>: 550 5.1.1 no\r\n",
    b"From: Rita <rita@partner.example>\r\nAuto-Submitted: no\r\nPrecedence: list\r\n\r\nThank you\r\n",
)
WORDS = {
    "smtp": (
        *(b"EHLO ", b"HELO ", b"STARTTLS", b"MAIL FROM:<", b"RCPT TO:<", b"DATA\r\n", b"BDAT ", b" LAST", b"RSET"),
        *(b"AUTH ", b"PLAIN", b"LOGIN", b"NOOP", b"QUIT", b"\r\n", b"\r\n.\r\n", b"\n.\n", b"\r.\r", b"\0"),
        *(b" SIZE=", b" BODY=8BITMIME", b" SMTPUTF8", b" RET=FULL", b" ENVID=", b" NOTIFY=NEVER", b" ORCPT="),
        *(b"utf-8;", b"\\x{E9}", b"\xc3\xa9"),
    ),
    "replies": (b"220 ", b"250-", b"250 ", b"354 ", b"421 ", b"\r\n", b"\n", b"\r", b"4.5.3 ", b"5.7.1", b"999 "),
    "sts": (b"version: STSv1\n", b"mode: ", b"enforce", b"testing", b"mx: ", b"*.", b"max_age: ", b"v=STSv1;", b"id="),
    "tlsa": (b"\x30\x82", b"\xa0\x03\x02\x01\x02", b"\x06\x03\x55\x1d\x11", b"\x30\x80", b"\x84\xff\xff\xff\xff"),
    "dsn": (
        *(b"Content-Type: ", b"multipart/report", b"; report-type=delivery-status", b"; boundary=", b"boundary*0*="),
        *(b"message/delivery-status", b"Action: failed", b"Status: 5.", b"\n\n", b"\r\n--", b"=?utf-8?b?", b"base64"),
        *(b"quoted-printable", b"utf-8''", b"Auto-Submitted: ", b"X-Failed-Recipients: "),
    ),
}


def tlsa() -> tuple[bytes, ...]:
    """Return certificates made on the spot: their host's, then their authority's, each with its length before it."""
    authority = trustme.CA()
    leaf = authority.issue_cert(HOST, not_after=datetime(2099, 1, 1, tzinfo=UTC))
    chain = [_der(leaf.cert_chain_pems[0].bytes()), _der(authority.cert_pem.bytes())]
    framed = b"".join(len(der).to_bytes(2, "big") + der for der in chain)
    return (b"\x03\x01\x01" + framed, b"\x02\x00\x00" + framed, b"\x02\x01\x02" + framed)


def _der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def of(target: str) -> tuple[bytes, ...]:
    """Return the seeds of a target. Raises KeyError."""
    fixed = {"smtp": SMTP, "replies": REPLIES, "sts": STS, "dsn": DSN}
    return tlsa() if target == "tlsa" else fixed[target]
