"""Check names and passwords: off the event loop, two at a time, and alike for names that exist and that don't."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from ipaddress import IPv6Address, ip_address, ip_network
from secrets import token_bytes
from typing import TypeVar

import structlog
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, get_hasher, make_password
from django.db import DatabaseError
from django.utils import timezone

from gateway.app_passwords import new_password
from gateway.envelope import Client
from gateway.models import AppPassword
from gateway.pool import in_thread
from gateway.rules.throttle import Throttle
from gateway.smtp import reply
from gateway.smtp.login import Credentials
from gateway.smtp.reply import Reply
from gateway.tally import Tally

log = structlog.get_logger(__name__)

T = TypeVar("T")

AT_ONCE = 2  # each takes the memory of one Argon2id
MOST_WAITING = 50
MOST_SECONDS = 30.0  # for one answer: a database that hangs says nothing of when it goes on
# Failures that one address, or one name, may have; then one a minute, and half of one.
OF_ADDRESS, OF_NAME = 20, 10
HEAL_ADDRESS, HEAL_NAME = 1 / 60, 1 / 120
USED_FOR = timedelta(minutes=1)  # how exact the time of the last use is


class Logins:
    """Answers AUTH. Failures are counted over all processes that take mail in, while the cache is there."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="intake-login")
        self._of_address, self._of_name = Throttle(HEAL_ADDRESS), Throttle(HEAL_NAME)
        self._tally = Tally("logins", OF_ADDRESS / HEAL_ADDRESS)
        self._waiting = 0

    def warm_up(self) -> None:
        """Make the hash for unknown names beforehand: the first of them must not take longer than the others."""
        self._pool.submit(_nobodys)

    def stop(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    async def judge(self, client: Client, credentials: Credentials) -> Reply | None:
        """Return the refusal, or None: the password belongs to the name."""
        who = Who(network_of(client.ip), credentials.name)
        if self._is_over(who):
            log.warning("logins_too_many", client=client.ip)
            return reply.AUTH_LATER
        if self._waiting >= MOST_WAITING:
            return reply.AUTH_BUSY
        self._waiting += 1
        try:
            async with asyncio.timeout(MOST_SECONDS):
                refusal = await self._check(who, credentials)
        except Exception as error:
            log.error("login_unknown", error=type(error).__name__)
            refusal = reply.AUTH_BUSY
        finally:
            self._waiting -= 1
        if refusal is reply.AUTH_FAILED:
            log.info("login_failed", client=client.ip)
        return refusal

    async def _check(self, who: "Who", credentials: Credentials) -> Reply | None:
        """Hear what others have counted, then try the password.

        Counted before it is tried, so that many at once are not many free tries.
        """
        self._count(who, *await self._in_thread(partial(self._tally.elsewhere, who.keys)))
        if self._is_over(who):
            return reply.AUTH_LATER
        self._count(who, 1, 1)
        refusal: Reply | None = reply.AUTH_BUSY
        try:
            refusal = None if await self._in_thread(partial(verify, credentials)) else reply.AUTH_FAILED
        finally:
            if refusal is not reply.AUTH_FAILED:
                self._count(who, -1, -1)
        if refusal is not None:
            await self._in_thread(partial(self._tally.add, who.keys))
        return refusal

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, in_thread, work)

    def _is_over(self, who: "Who") -> bool:
        now = asyncio.get_running_loop().time()
        return any((self._of_address.wait(who.address, now, OF_ADDRESS), self._of_name.wait(who.name, now, OF_NAME)))

    def _count(self, who: "Who", of_address: int, of_name: int) -> None:
        now = asyncio.get_running_loop().time()
        self._of_address.add(who.address, now, of_address)
        self._of_name.add(who.name, now, of_name)


@dataclass(frozen=True)
class Who:
    """Whose failures are counted: the network that a client comes from, and the name that it gave."""

    address: str
    name: str

    @property
    def keys(self) -> tuple[str, str]:
        """Return what the two are called on the tally."""
        return f"address:{self.address}", f"name:{self.name}"


def network_of(ip: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 that one IPv6 customer has."""
    address = ip_address(ip)
    if not isinstance(address, IPv6Address):
        return ip
    return str(address.ipv4_mapped or ip_network((address, 64), strict=False))


def verify(credentials: Credentials) -> bool:
    """Return whether the password belongs to the name; the same work is done for a name that nobody has."""
    app = AppPassword.objects.filter(username=credentials.name, revoked_at=None, relay__enabled=True).first()
    right = check_password(credentials.password, app.password if app else _nobodys())
    if app is None or not right:
        return False
    _note_use(app)
    return True


def _note_use(app: AppPassword) -> None:
    """Write when it was used; that this fails is no reason to refuse mail."""
    now = timezone.now()
    if app.last_used_at is not None and now - app.last_used_at < USED_FOR:
        return
    try:
        AppPassword.objects.filter(pk=app.pk).update(last_used_at=now)
    except DatabaseError as error:
        log.error("login_not_noted", error=type(error).__name__)


@cache
def _nobodys() -> str:
    """Return a hash like all others, of a password that nobody has.

    Where it is Argon2's it is only written: a random digest belongs to no password, is checked with the same
    work, and takes no 64 MiB to make.
    """
    hasher = get_hasher()
    if not isinstance(hasher, Argon2PasswordHasher):
        return make_password(new_password())
    made = hasher.params()
    costs = f"m={made.memory_cost},t={made.time_cost},p={made.parallelism}"
    salt, digest = _unpadded(hasher.salt().encode()), _unpadded(token_bytes(made.hash_len))
    return f"{hasher.algorithm}$argon2{made.type.name.lower()}$v={made.version}${costs}${salt}${digest}"


def _unpadded(data: bytes) -> str:
    """Return `data` in base64 as encoded hashes have it."""
    return b64encode(data).rstrip(b"=").decode()
