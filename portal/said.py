"""What a page said in passing ("Your draft is saved."): kept until the next page, in a cookie of this host."""

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class HostCookieStorage(CookieStorage):
    """Django's signed cookie, with the prefix that no neighbour under the same domain can set."""

    cookie_name = "__Host-messages" if settings.HTTPS else "messages"


class Said(FallbackStorage):
    """The cookie first: it outlives a session that ends. What is too long goes into the session."""

    storage_classes = (HostCookieStorage, SessionStorage)
