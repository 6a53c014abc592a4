"""kombu's two transports that we use, where they would end a worker.

Files: kombu writes messages and tables in place, so another process can read one that is
empty or half written; its worker then ends with a JSON error, and the message is lost.
Here each file is whole from the moment it can be seen.

Redis: a worker whose connection breaks while a task runs tries to give that back over the
connection that is gone, or to say there that it is done, and ends with an error that nobody expects.
"""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from time import time_ns
from typing import Any
from uuid import uuid4

import structlog
from kombu.transport import TRANSPORT_ALIASES, filesystem, redis
from kombu.utils.encoding import str_to_bytes
from kombu.utils.json import dumps

log = structlog.get_logger()


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


@contextlib.contextmanager
def _closed_connections_logged() -> Iterator[None]:
    """Let a closed channel's AttributeError be; kombu itself expects that a connection fails, and no other error."""
    try:
        yield
    except AttributeError as error:
        log.warning("broker.not_told", error=type(error).__name__)


class RedisQoS(redis.QoS):
    """What a Redis channel has handed out."""

    def restore_unacked(self, client: Any = None) -> None:
        """Give back what was not done; where Redis is away it is a nudge lost, and the sweep asks again."""
        try:
            super().restore_unacked(client)
        except Exception as error:  # AttributeError among them: a closed connection forgets where it led to
            log.warning("broker.not_given_back", error=type(error).__name__)
            if self._delivered:
                self._delivered.clear()

    def ack(self, delivery_tag: str) -> None:
        """Say that it is done; on a connection that was closed meanwhile nobody hears it, and it may be done again."""
        with _closed_connections_logged():
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002  # kombu's signature
        """Say that it is not done, as `ack` does."""
        with _closed_connections_logged():
            super().reject(delivery_tag, requeue)


class RedisChannel(redis.Channel):
    """A channel that closes whatever has become of its connection."""

    QoS = RedisQoS


class RedisTransport(redis.Transport):
    """kombu's Redis transport with our channel."""

    Channel = RedisChannel


def install() -> None:
    """Make `filesystem://`, `redis://` and `rediss://` mean these transports, in this process."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:RedisTransport"))
