"""Say how mail to a domain or an address would go, by trying it as far as the greeting: nothing is sent."""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from gateway import delivery, mta_sts
from gateway.configured import delivery_settings
from gateway.routes import RouteTable
from gateway.rules.outcome import Action, History, HostResult
from gateway.rules.routing import Decision, Route, route
from messages_app.rules.mailbox import domain_of

ENDINGS = {
    Action.DELIVERED: "A message would be delivered.",
    Action.HOLD: "A message would be held in the portal.",
    Action.BOUNCE: "A message would be returned to its sender.",
    Action.RETRY: "A message would be tried again later.",
}


class Command(BaseCommand):
    help = "Try the mail servers of a domain or an address, up to verified TLS, and say what a message would meet."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("target", help="partner.example, or rita@partner.example for a policy of her own")

    def handle(self, *_: Any, target: str, **__: Any) -> None:
        address = target if "@" in target else f"postmaster@{target}"
        table = RouteTable.load()
        way = route(address, table.homes, table.policies, domain_of(address))
        for sentence in _sentences(way, address):
            self.stdout.write(sentence)
        if way.decision is Decision.REFUSE:
            raise CommandError("A message would be refused.")


def _sentences(way: Route, address: str) -> Iterator[str]:
    """Yield what is found, each as one sentence."""
    yield f"{way.sentence}."
    if way.decision is Decision.HOLD:
        yield "No server is tried. A message would be held in the portal."
    elif way.decision is Decision.DELIVER:
        yield from _trial(way, address)


def _trial(way: Route, address: str) -> Iterator[str]:
    """Yield what each host shows, and what it comes to for a first attempt."""
    report = delivery.probe(way, delivery_settings(), mta_sts.Published())
    for result in report.results:
        yield from _host(result)
    now = timezone.now()
    verdict = report.verdict(address, History(queued_at=now, home=way.home), now)
    yield ENDINGS[verdict.action]


def _host(result: HostResult) -> Iterator[str]:
    """Yield what one host shows."""
    place = f" [{result.ip}]:{result.port}" if result.ip else ""
    yield f"{result.sentence}{place}."
    if result.mta_sts:
        yield f"  MTA-STS: {result.mta_sts}."
    if result.subject:
        yield f"  Its certificate is for {result.subject}, issued by {result.issuer}, valid until {result.not_after}."
    if result.chain_fingerprints:
        yield f"  Its SHA-256 fingerprint is {result.chain_fingerprints[0]}."
    if result.tlsa:
        yield f"  Its TLSA records: {'; '.join(result.tlsa)}."
    if result.verify_message:
        yield f"  The exact reason: {result.verify_message}."
