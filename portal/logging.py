"""Logs for people (console) or machines (JSON, a line an event), without content.

What is logged are ids, addresses of hosts, codes and times. A value of bytes is
replaced by its length, and so is every field whose name says that it is content
or a credential: a slip in one call must not put a message into the log.
"""

import logging
import logging.config
import re
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any

import structlog
from celery.signals import setup_logging
from django.conf import settings

WITHHELD = frozenset(
    {"body", "code", "content", "cookie", "headers", "key", "password", "raw", "secret", "subject", "text", "token"}
)


# Pointers open nothing alone, but links of senders decide; whoever reads logs has no use for either.
POINTERS = re.compile(r"(/(?:open|not-me|images|release|release-lock)/)[\w:=.-]+")


def shorten_links(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return `event` without the tokens of links: Django logs the path of what it did not find."""
    if isinstance(event.get("event"), str):
        event["event"] = POINTERS.sub(r"\1...", event["event"])
    return event


def withhold(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return `event` with everything that could be content or a credential replaced by its length."""
    for name, value in event.items():
        if name in WITHHELD or isinstance(value, bytes | bytearray | memoryview):
            event[name] = f"<{len(value)} withheld>" if hasattr(value, "__len__") else "<withheld>"
    return event


# What an event passes on its way, whether it came from structlog or from `logging`.
SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    withhold,
    shorten_links,
]


class EachLine:
    """Renders an event with a field `each`, of mappings, as a line for each of them, and any other as `render` does.

    What a line passes on its way costs more than its text. So what happened to many at once is logged as one event:
    the lines are the same as of an event each, and are written in one go.
    """

    def __init__(self, render: Any) -> None:
        self._render = render

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        """Return the text of `event`."""
        each: Iterable[MutableMapping[str, Any]] | None = event.pop("each", None)
        if each is None:
            return str(self._render(logger, method, event))
        own = ({**withhold(logger, method, dict(fields)), **event} for fields in each)
        return "\n".join(self._render(logger, method, line) for line in own)


def _renderer(form: str) -> Any:
    if form == "json":
        return structlog.processors.JSONRenderer()
    # Plain tracebacks: the pretty ones print local variables, and those hold content.
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)


def configuration(form: str, level: str) -> dict[str, Any]:
    """Return the `logging` configuration for `form` ("console" or "json") and `level`."""
    after: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if form == "json":
        after.append(structlog.processors.format_exc_info)
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": SHARED,
        "processors": [*after, EachLine(_renderer(form))],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"events": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "events"}},
        "root": {"handlers": ["stderr"], "level": level},
        # Django's own handlers would print every line a second time.
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        },
    }


def configure(options: dict[str, str]) -> None:
    """Set up logging as `settings.LOGGING` says: {"format": "console" | "json", "level": ...}."""
    logging.config.dictConfig(configuration(options["format"], options["level"]))
    _skip_what_no_line_says()
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _skip_what_no_line_says() -> None:
    """Let a line cost less: who called, and in which thread, is asked for each and written in none.

    As the "Optimization" of Python's logging HOWTO has it. The process stays: gunicorn writes it.
    """
    logging._srcfile = None  # noqa: SLF001, documented there
    logging.logThreads = logging.logMultiprocessing = False


@setup_logging.connect
def configure_celery(**_options: Any) -> None:
    """Give Celery's processes the same logs; a receiver here keeps Celery from its own set-up."""
    configure(settings.LOGGING)
    # They announce every nudge three times; the audit log says what happened.
    for name in ("celery.beat", "celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(name).setLevel(logging.WARNING)
