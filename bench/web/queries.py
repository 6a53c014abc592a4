"""Queries of a page, their number and their time, in mailboxes of ten to a hundred thousand messages."""

from bench.harness import figure, median, ratio, rounds
from bench.web.portal import Portal

SIZES = (10, 1_000, 100_000)


def measure(stage: Portal, database: str) -> None:
    """Print number and milliseconds of an inbox page's queries at each size, beside `SELECT 1`."""
    users = {size: stage.ask("mailbox.reader(email)[0]", email=f"rita{size}@partner.example") for size in SIZES}
    for size, user in users.items():
        stage.ask("mailbox.fill(user, size)", user=user, size=size)
    stage.ask("mailbox.analyse()")
    counts: dict[int, int] = {}

    def ask(size: int) -> float:
        counts[size], taken = stage.ask("list(mailbox.queries(user, '/inbox/'))", user=users[size])
        return float(taken)

    contestants = {str(size): lambda size=size: ask(size) for size in SIZES}
    seen = rounds(contestants | {"floor": lambda: stage.ask("mailbox.floor_ms()")})
    for size in SIZES:
        figure(f"inbox_queries_{size}_{database}", counts[size], "queries")
    for name, values in seen.items():
        figure(f"inbox_query_ms_{name}_{database}", median(values), "ms")
    figure(f"inbox_query_100000_vs_1000_{database}", ratio(seen["100000"], seen["1000"]), "ratio")
