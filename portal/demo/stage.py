"""Everything around Postern: mail hosts, Sam's home server, the smarthost for notices and the DNS, in one thread."""

import asyncio
import threading
from pathlib import Path

from gateway.listener import Listener
from portal.certificates import Authority, Pair
from portal.demo import cast, dns_server
from portal.demo.dns_server import Zone
from portal.demo.mail_host import HostPlan, open_all
from portal.demo.mailbag import Mailbag
from portal.demo.places import LOOPBACK, Places

NOTICE_HOST = "notices.home.example"
START = 10.0


def zone() -> Zone:
    """Return the DNS of everybody in the demo."""
    records = {(cast.HOME_HOST, "A"): cast.HOME_IP}
    for receiver in cast.RECEIVERS:
        records[receiver.domain, "MX"] = f"10 {receiver.host}."
        records[receiver.host, "A"] = receiver.ip
    return records


def _certificate(authority: Authority, receiver: cast.Receiver) -> Pair | None:
    if receiver.tls == "none":
        return None
    return authority.issue(receiver.host, expired=receiver.tls == "expired")


def plans(authority: Authority, places: Places) -> list[HostPlan]:
    """Return every mail host: one for each receiver, Sam's, and the one that notices leave by."""
    hosts = [
        HostPlan(receiver.host, receiver.ip, places.mx, _certificate(authority, receiver))
        for receiver in cast.RECEIVERS
    ]
    home = HostPlan(cast.HOME_HOST, cast.HOME_IP, places.mx, authority.issue(cast.HOME_HOST))
    return [*hosts, home, HostPlan(NOTICE_HOST, LOOPBACK, places.notices)]


class Stage:
    """The surroundings, while they run; `mail` is what arrived at any of their hosts."""

    def __init__(self, authority: Authority, places: Places) -> None:
        self.mail = Mailbag()
        self._authority, self._places = authority, places
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stage", daemon=True)
        self._listeners: list[Listener] = []

    def start(self) -> None:
        """Open everything. Raises OSError where a port was taken meanwhile."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(START)

    async def _open(self) -> None:
        directory = Path(self._places.data) / "hosts"
        await dns_server.serve(zone(), LOOPBACK, self._places.dns)
        self._listeners = await open_all(plans(self._authority, self._places), directory, self.mail)

    def stop(self) -> None:
        """Close everything."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(START)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START)

    async def _close(self) -> None:
        await asyncio.gather(*(listener.stop() for listener in self._listeners))
