"""What a new installation needs to be told, from flags or from questions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Ask = Callable[[str], str]


@dataclass(frozen=True)
class Home:
    """A domain of the organisation, and the host that takes its mail."""

    domain: str
    next_hop: str


@dataclass
class Answers:
    """Everything that was told; what is empty is left as it is."""

    administrator: str = ""
    password: str = ""
    relay: str = ""
    networks: str = ""
    homes: list[Home] = field(default_factory=list)
    trust: Path | None = None
    certificate: Path | None = None
    private_key: Path | None = None
    probe: str = ""


def parse_home(text: str) -> Home:
    """Return the home in `domain=host[:port]`. Raises ValueError for anything else."""
    domain, equals, next_hop = text.strip().partition("=")
    if not domain or not equals or not next_hop:
        raise ValueError(f"{text!r} is not domain=host[:port]")
    return Home(domain.strip().lower(), next_hop.strip())


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def ask_for_missing(answers: Answers, ask: Ask, ask_secretly: Ask) -> None:
    """Fill what is still empty by questions; an empty answer skips the step."""
    answers.administrator = answers.administrator or ask("First administrator (mail address): ")
    if answers.administrator and not answers.password:
        answers.password = ask_secretly("Their password (at least 12 characters): ")
    answers.relay = answers.relay or ask("Name of the mail server that may submit: ")
    if answers.relay and not answers.networks:
        answers.networks = ask("Its networks (CIDR, separated by spaces): ")
    if answers.relay and not answers.homes:
        answers.homes = _homes(ask("Its domains and the way home (domain=host[:port], ...): ").split())
    if answers.homes and answers.trust is None:
        answers.trust = _path(ask("Certificate to trust there (PEM file; empty: public CAs): "))
    if answers.certificate is None and (
        certificate := ask("Certificate of intake (PEM file; empty: keep, or self-signed): ")
    ):
        answers.certificate = Path(certificate)
        answers.private_key = _path(ask("Its private key (PEM file): "))
    answers.probe = answers.probe or ask("Send a test notice to (mail address): ")


def _homes(words: Sequence[str]) -> list[Home]:
    return [parse_home(word.strip(",")) for word in words if word.strip(",")]
