"""Who may see a page of mail, and how the one message is found that an address names."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from uuid import UUID

from allauth.core.internal.httpkit import get_client_ip
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from messages_app import opening, pickup
from messages_app.models import Message, Recipient
from messages_app.pickup import Opened
from messages_app.rules.rights import NONE, Right
from messages_app.sealing.errors import SealingError

logger = logging.getLogger(__name__)

View = Callable[..., HttpResponseBase]


def signed_in(view: View) -> View:
    """Return `view` for people who are signed in; others sign in first. No browser or proxy stores it."""
    return never_cache(login_required(says_unopenable(view)))


def says_unopenable(view: View) -> View:
    """Return `view`; where sealed bytes or keys are not what they should be, a page says so, and the log for staff."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except SealingError as error:
            logger.error("%s can't be opened: %s", request.path, error)
            return render(request, "messages_app/unopenable.html", status=503)

    return wrapper


def client_ip(request: HttpRequest) -> str | None:
    """Return the reader's address, believed through TRUSTED_PROXY_COUNT proxies; None where unknown."""
    address: str | None = get_client_ip(request)
    return address


@dataclass(frozen=True)
class Source:
    """A message as its reader reaches it: a copy that they received, or a message that they wrote."""

    kind: str
    pk: UUID
    user: Any
    ip: str | None
    recipient: Recipient | None = None
    message: Message | None = None

    def url(self, page: str = "", *args: Any) -> str:
        """Return the address of `page` ("part", "original", ...) of this message; of the message itself for ""."""
        return reverse(f"{self.kind}_{page}" if page else self.kind, args=[self.pk, *args])

    @property
    def copy(self) -> Recipient:
        """Return the copy that was received. Raises Http404 for a message that the reader wrote."""
        if self.recipient is None:
            raise Http404
        return self.recipient

    @property
    def section(self) -> str:
        """Return the entry of the menu under which its pages are."""
        return "sent" if self.message is not None else "inbox"

    @property
    def shared(self) -> bool:
        """Return whether it is in a mailbox that the reader is a delegate of."""
        return self.recipient is not None and pickup.is_shared(self.recipient, self.user)

    @property
    def asked_rights(self) -> frozenset[Right]:
        """Return what the reader may not do; nothing with what was written here."""
        return self.recipient.asked_rights if self.recipient else NONE

    def open(self, **details: Any) -> Opened:
        """Return the opened message, audited with `details`. Raises `NotReadable`, `SealingError`."""
        now = timezone.now()
        if self.recipient is not None:
            return pickup.open_copy(self.recipient, self.user, now=now, ip=self.ip, **details)
        if self.message is not None:
            return pickup.open_sent(self.message, self.user, now=now, ip=self.ip, **details)
        raise Http404


Find = Callable[[HttpRequest, UUID], Source]


def copy_of(user: Any, pk: UUID | str) -> Recipient:
    """Return the copy `pk` with what opening it takes. Raises Http404 for a copy that `user` may not know of."""
    if (found := opening.copy(user, pk)) is None:
        raise Http404
    return found


def received(request: HttpRequest, pk: UUID) -> Source:
    """Return the reader's copy `pk`. Raises Http404 for everybody else's."""
    user: Any = request.user
    return Source("message", pk, user, client_ip(request), recipient=copy_of(user, pk))


def written(request: HttpRequest, pk: UUID) -> Source:
    """Return the message `pk` that the reader wrote. Raises Http404 for everybody else's."""
    user: Any = request.user
    return Source("sent", pk, user, client_ip(request), message=get_object_or_404(pickup.sent_by(user), pk=pk))
