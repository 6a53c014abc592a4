"""The portal's pages, downloads and queries, from gunicorn as production runs it, with PostgreSQL and Redis."""

from bench.web import download, pages, queries
from bench.web.portal import portal
from tests.harness.postgres import postgres
from tests.harness.redis import redis

NEEDS = ("postgresql", "redis", "nginx")


def measure() -> None:
    """Print every figure of the portal."""
    with postgres() as database, redis() as broker, portal(database.url(), broker.url()) as stage:
        download.measure(stage)
        pages.measure(stage)
        queries.measure(stage, "postgresql")
    with portal() as stage:
        queries.measure(stage, "sqlite")
