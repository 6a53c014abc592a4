"""Certificates made here are taken by a verifying client, or refused for the reason meant."""

import socket
import ssl
import threading

import pytest

from portal.certificates import Authority, Pair, self_signed

HOST = "mx.partner.example"
EXPIRED, SELF_SIGNED = 10, 18


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("Demo authority")


def handshake(pair: Pair, trusted: bytes, tmp_path) -> str:
    """Return the protocol that a verifying client reaches at a server with `pair`."""
    pair.write(tmp_path / "cert.pem", tmp_path / "key.pem")
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    client_side = ssl.create_default_context(cadata=trusted.decode())
    client_side.hostname_checks_common_name = False
    here, there = socket.socketpair()

    def serve() -> None:
        try:
            server_side.wrap_socket(there, server_side=True).close()
        except OSError:
            there.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client_side.wrap_socket(here, server_hostname=HOST) as session:
            return session.version()
    finally:
        here.close()
        thread.join()


def test_an_issued_certificate_is_trusted_through_its_authority(authority, tmp_path):
    assert handshake(authority.issue(HOST), authority.pem, tmp_path) == "TLSv1.3"


@pytest.mark.parametrize(
    ("pair", "code"),
    [
        (lambda authority: authority.issue(HOST, expired=True), EXPIRED),
        (lambda _authority: self_signed(HOST), SELF_SIGNED),
        (lambda authority: authority.issue("mx.elsewhere.example"), 62),  # the host name does not match
    ],
)
def test_a_defective_certificate_is_refused_for_its_defect(authority, tmp_path, pair, code):
    with pytest.raises(ssl.SSLCertVerificationError) as refusal:
        handshake(pair(authority), authority.pem, tmp_path)
    assert refusal.value.verify_code == code


def test_the_private_key_is_its_owners_alone(authority, tmp_path):
    authority.issue(HOST).write(tmp_path / "a" / "cert.pem", tmp_path / "b" / "key.pem")
    assert (tmp_path / "b" / "key.pem").stat().st_mode & 0o777 == 0o600
