"""Mail a code without making anyone wait: how long an answer takes must not tell whether an address is known."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

from django.db import close_old_connections

logger = logging.getLogger(__name__)
_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="codes")


def send_code(to_address: str, code: str, reference: str, purpose: str, language: str) -> None:
    """Mail `code` to `to_address` soon; whoever gets none asks for another."""
    submit(_send, to_address, code, reference, purpose, language)


def submit(function: Callable[..., None], *arguments: Any) -> None:
    """Run `function` in a thread of this process; tests run it at once."""
    _pool.submit(function, *arguments)


def _send(*arguments: str) -> None:
    """Hand a code to the notices' transport. Nothing of it is logged: a code is a secret."""
    try:
        import_module("notifications.codes").send_code(*arguments)
    except Exception as error:  # the page has been answered: nobody is left to be told
        logger.warning("a code could not be mailed: %s", type(error).__name__)
    finally:
        close_old_connections()
