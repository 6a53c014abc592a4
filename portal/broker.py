"""The embedded broker: kombu's file transport, with each file whole from the moment it can be seen.

kombu writes messages and tables in place, so another process can read one that is
empty or half written; its worker then ends with a JSON error, and the message is lost.
"""

import fcntl
from pathlib import Path
from time import time_ns
from typing import Any
from uuid import uuid4

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.encoding import str_to_bytes
from kombu.utils.json import dumps


def write_whole(file: Path, value: Any) -> None:
    """Write `value` as JSON; a reader sees the file as it was before or as it is afterwards."""
    # The worker takes names that end in ".QUEUE.msg" alone.
    unseen = file.with_name(f".{uuid4()}.part")
    unseen.write_bytes(str_to_bytes(dumps(value)))
    unseen.replace(file)


class Channel(filesystem.Channel):
    """A channel whose messages and tables are never half written."""

    def _put(self, queue: str, message: Any, **_options: Any) -> None:  # type: ignore[override]
        # The wall clock, for names must be in order over a restart of the machine too.
        write_whole(Path(self.data_folder_out) / f"{time_ns()}_{uuid4()}.{queue}.msg", message)

    def _queue_bind(self, exchange: str, routing_key: str | None, pattern: str | None, queue: str | None) -> None:
        entry = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with (self.control_folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if entry not in (bound := self.get_table(exchange)):
                write_whole(self.control_folder / f"{exchange}.exchange", [entry, *bound])


class Transport(filesystem.Transport):
    """kombu's file transport with our channel."""

    Channel = Channel


def install() -> None:
    """Make `filesystem://` mean this transport, in this process."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
