"""Zones that are really signed, behind a resolver that really validates: ldns, nsd and unbound on loopback."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.harness import components
from tests.harness.processes import Process, free_port, listening, private_directory, run

APEX = "@ 60 IN SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 1\n@ 60 IN NS ns.{zone}.\nns 60 IN A 127.0.0.1\n"
NSD = """server:
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{directory}"
  pidfile: ""
  xfrdfile: "{directory}/xfrd"
  zonelistfile: "{directory}/zone.list"
  server-count: 1
remote-control:
  control-enable: no
"""
NSD_ZONE = 'zone:\n  name: "{zone}"\n  zonefile: "{file}"\n'
UNBOUND = """server:
  interface: 127.0.0.1
  port: {port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  do-ip6: no
  do-not-query-localhost: no
  module-config: "validator iterator"
  cache-max-ttl: 1
  cache-max-negative-ttl: 0
  val-bogus-ttl: 0
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{rest}
"""
UNBOUND_ZONE = 'stub-zone:\n  name: "{zone}"\n  stub-addr: 127.0.0.1@{port}\nserver:\n'
ANCHOR = '  trust-anchor-file: "{file}"\n'


@dataclass
class SignedZone:
    """One zone as it is written down; `lies` are (true, false) texts that are exchanged after it was signed."""

    name: str
    records: list[str] = field(default_factory=list)
    signed: bool = True
    lies: list[tuple[str, str]] = field(default_factory=list)

    def partner(self, label: str, address: str, *tlsa: str) -> str:
        """Add a domain with one MX host; return the domain. `tlsa` are texts such as "3 1 1 ab12..."."""
        self.records += [f"{label} 60 IN MX 10 mx.{label}", f"mx.{label} 60 IN A {address}"]
        self.records += [f"_25._tcp.mx.{label} 60 IN TLSA {text}" for text in tlsa]
        return f"{label}.{self.name}"

    def write(self, directory: Path) -> tuple[Path, Path | None]:
        """Write the zone, signed if it is to be; return its file, and that of its key for resolvers."""
        file = directory / self.name
        lines = [f"$ORIGIN {self.name}.\n", APEX.format(zone=self.name), *(f"{record}\n" for record in self.records)]
        file.write_text("".join(lines))
        if not self.signed:
            return file, None
        return self._sign(file)

    def _sign(self, file: Path) -> tuple[Path, Path]:
        """Sign with one key, as small zones are signed; then tell the lies."""
        directory, signed = file.parent, file.with_suffix(".signed")
        keygen, signer = components.require("ldns-keygen"), components.require("ldns-signzone")
        key = run([keygen, "-a", "ECDSAP256SHA256", "-k", self.name], cwd=directory).strip()
        run([signer, "-f", str(signed), str(file), key], cwd=directory)
        text = signed.read_text()
        for true, false in self.lies:
            if true not in text:
                raise AssertionError(f"{true} is not in the zone")
            text = text.replace(true, false)
        signed.write_text(text)
        return signed, directory / f"{key}.key"


@contextlib.contextmanager
def validating_resolver(zones: Sequence[SignedZone], rest: int) -> Iterator[str]:
    """Serve `zones` and run a resolver that validates them; it asks 127.0.0.1:`rest` for everything else.

    Gives the resolver as DNS_SERVERS wants it.
    """
    with private_directory("dnssec") as directory, contextlib.ExitStack() as running:
        written = {zone.name: zone.write(directory) for zone in zones}
        back, front = free_port(), free_port()
        nsd, unbound = directory / "nsd.conf", directory / "unbound.conf"
        nsd.write_text(_nsd(directory, back, written))
        unbound.write_text(_unbound(directory, front, back, rest, written))
        for name, port, command in (
            ("nsd", back, [components.require("nsd"), "-d", "-c", str(nsd)]),
            ("unbound", front, [components.require("unbound"), "-d", "-c", str(unbound)]),
        ):
            process = running.enter_context(Process(name, command, log=directory / f"{name}.log"))
            process.wait_until(lambda port=port: listening(port))
        yield f"127.0.0.1:{front}"


def _nsd(directory: Path, port: int, written: dict[str, tuple[Path, Path | None]]) -> str:
    zones = (NSD_ZONE.format(zone=name, file=file) for name, (file, _key) in written.items())
    return NSD.format(directory=directory, port=port) + "".join(zones)


def _unbound(directory: Path, port: int, back: int, rest: int, written: dict[str, tuple[Path, Path | None]]) -> str:
    text = UNBOUND.format(directory=directory, port=port, rest=rest)
    for name, (_file, key) in written.items():
        text += UNBOUND_ZONE.format(zone=name, port=back) + (ANCHOR.format(file=key) if key else "")
    return text
