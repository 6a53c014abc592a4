"""What we write ourselves goes out in seven bits, so that every host takes it, with 8BITMIME or without (RFC 6152)."""

import binascii


def encoded(content: bytes) -> tuple[str, bytes]:
    """Return the Content-Transfer-Encoding of a part of text with CRLF line ends, and the part in it (RFC 2045).

    Headers that are not legal may be quoted-printable too (RFC 6522 section 4).
    """
    if content.isascii():
        return "7bit", content
    return "quoted-printable", binascii.b2a_qp(content)
