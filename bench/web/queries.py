"""Queries of a page, their number and time, in mailboxes of ten to a hundred thousand messages, and in all at once."""

from bench.harness import figure, median, ratio, rounds
from bench.web.portal import Portal

SIZES = (10, 1_000, 100_000)


def measure(stage: Portal, database: str) -> None:
    """Print number and milliseconds of an inbox page's queries at each size, beside `SELECT 1`."""
    users = {size: stage.ask("mailbox.reader(email)[0]", email=f"rita{size}@partner.example") for size in SIZES}
    for size, user in users.items():
        stage.ask("mailbox.fill(user, size)", user=user, size=size)
    readers = {str(size): user for size, user in users.items()}
    owners = list(users.values())
    readers["delegate"] = stage.ask("mailbox.delegate(email, owners)", email="otto@partner.example", owners=owners)
    stage.ask("mailbox.analyse()")
    counts: dict[str, int] = {}

    def ask(name: str) -> float:
        counts[name], taken = stage.ask("list(mailbox.queries(user, '/inbox/'))", user=readers[name])
        return float(taken)

    contestants = {name: lambda name=name: ask(name) for name in readers}
    seen = rounds(contestants | {"floor": lambda: stage.ask("mailbox.floor_ms()")})
    for name, count in counts.items():
        figure(f"inbox_queries_{name}_{database}", count, "queries")
    for name, values in seen.items():
        figure(f"inbox_query_ms_{name}_{database}", median(values), "ms")
    figure(f"inbox_query_100000_vs_1000_{database}", ratio(seen["100000"], seen["1000"]), "ratio")
