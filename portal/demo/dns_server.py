"""A DNS server over UDP and TCP that answers MX and A from a table, and NXDOMAIN beside it."""

import asyncio
from collections.abc import Mapping

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

# (name, "MX" or "A") -> the record's text.
Zone = Mapping[tuple[str, str], str]
TTL = 60


def answer(wire: bytes, zone: Zone) -> bytes:
    """Return the answer to one question. Raises dns.exception.DNSException for what is none."""
    question = dns.message.from_wire(wire)
    response = dns.message.make_response(question)
    response.flags |= dns.flags.AA
    asked = question.question[0]
    name = asked.name.to_text(omit_final_dot=True).lower()
    record = zone.get((name, dns.rdatatype.to_text(asked.rdtype)))
    if record is not None:
        response.answer.append(dns.rrset.from_text(asked.name, TTL, "IN", asked.rdtype, record))
    elif not any(known == name for known, _kind in zone):
        response.set_rcode(dns.rcode.NXDOMAIN)
    return response.to_wire()


class _UDP(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._transport:
            self._transport.sendto(answer(data, self._zone), addr)


async def _serve_tcp(zone: Zone, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one question: two bytes of length, then the message (RFC 1035 section 4.2.2)."""
    try:
        length = int.from_bytes(await reader.readexactly(2), "big")
        reply = answer(await reader.readexactly(length), zone)
        writer.write(len(reply).to_bytes(2, "big") + reply)
        await writer.drain()
    except asyncio.IncompleteReadError:
        pass
    finally:
        writer.close()


async def serve(zone: Zone, host: str, port: int) -> None:
    """Start to answer on `host`:`port`, until the loop ends. Raises OSError where the port is taken."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: _UDP(zone), local_addr=(host, port))
    await asyncio.start_server(lambda reader, writer: _serve_tcp(zone, reader, writer), host, port)
