"""A private Postfix: the organisation's own server, or any real MX host.

It hands what it has for other domains to us over TLS, and takes mail for its own
mailboxes over TLS, each mailbox a maildir.
"""

import contextlib
import mailbox
import os
import pwd
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tests.harness import components
from tests.harness.certificates import Leaf
from tests.harness.processes import free_port, give, listening, private_directory, run, wait_for

# Without proxymap and its kin smtpd hangs silently.
SERVICES = """\
127.0.0.1:{tls_port} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
127.0.0.1:{client_port} inet n - n - - smtpd -o smtpd_tls_security_level=none
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
tlsproxy unix - - n - 0 tlsproxy
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """Where it listens (with TLS for the world, without for its own people) and where its mailboxes are."""

    directory: Path
    tls_port: int
    client_port: int

    def maildir(self, local_part: str) -> mailbox.Maildir:
        """Return the mailbox of `local_part`, made empty where nothing came yet."""
        folder = self.directory / "mail" / local_part
        if not folder.exists():
            mailbox.Maildir(folder, create=True)
            for each in (folder, *folder.iterdir()):
                give(each, "nobody")
        return mailbox.Maildir(folder, create=False)

    def messages(self, local_part: str) -> list[EmailMessage]:
        """Return what arrived for `local_part`, parsed, oldest first."""
        box = self.maildir(local_part)
        try:
            keys = sorted(box.keys())
        except FileNotFoundError:  # Postfix is making the folder at this moment
            return []
        return [message_from_bytes(box.get_bytes(key), policy=policy.default) for key in keys]  # type: ignore[misc]

    def log(self) -> str:
        """Return the mail log."""
        file = self.directory / "maillog"
        return file.read_text(errors="replace") if file.exists() else ""

    def queue(self) -> str:
        """Return the queue as postqueue prints it, one JSON object a line."""
        return run([components.require("postqueue"), "-c", str(self.directory), "-j"])

    def flush(self) -> None:
        """Try everything in the queue again now."""
        run([components.require("postqueue"), "-c", str(self.directory), "-f"])


@contextlib.contextmanager
def postfix(
    *,
    hostname: str,
    domain: str,
    mailboxes: Sequence[str],
    leaf: Leaf,
    anchors: bytes,
    relay_host: str = "",
    tls_port: int = 0,
    settings: dict[str, str] | None = None,
) -> Iterator[Postfix]:
    """Run a Postfix for `mailboxes` of `domain`; mail for others goes to `relay_host` ("[host]:port").

    It verifies the relay host's certificate by `anchors`, against the name there.
    """
    with private_directory("postfix") as directory:
        server = Postfix(directory, tls_port or free_port(), free_port())
        _write_files(server, domain, mailboxes, leaf, anchors)
        names = {"myhostname": hostname, "virtual_mailbox_domains": domain, "relayhost": relay_host}
        values = _settings(directory) | names | (settings or {})
        (directory / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in values.items()))
        _command(server, "start")
        try:
            wait_for(lambda: listening(server.tls_port), f"Postfix {hostname}")
            yield server
        finally:
            _stop(server)


def _write_files(server: Postfix, domain: str, mailboxes: Sequence[str], leaf: Leaf, anchors: bytes) -> None:
    directory = server.directory
    for folder, owner in (("queue", "root"), ("data", "postfix"), ("mail", "nobody")):
        (directory / folder).mkdir()
        give(directory / folder, owner)
    leaf.write(directory, "server")
    (directory / "anchors.pem").write_bytes(anchors)
    (directory / "mailboxes").write_text("".join(f"{each}@{domain} {each}/\n" for each in mailboxes))
    (directory / "master.cf").write_text(
        SERVICES.format(tls_port=server.tls_port, client_port=server.client_port),
    )


def _settings(directory: Path) -> dict[str, str]:
    nobody = pwd.getpwnam("nobody")
    return {
        "compatibility_level": "3.6",
        "queue_directory": f"{directory}/queue",
        "data_directory": f"{directory}/data",
        "maillog_file": f"{directory}/maillog",
        "maillog_file_prefixes": f"{directory}",
        "mydestination": "",
        "alias_maps": "",
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "mynetworks": "127.0.0.0/8",
        "virtual_mailbox_base": f"{directory}/mail",
        "virtual_mailbox_maps": f"texthash:{directory}/mailboxes",
        "virtual_mailbox_limit": "0",
        "virtual_uid_maps": f"static:{nobody.pw_uid}",
        "virtual_gid_maps": f"static:{nobody.pw_gid}",
        "virtual_minimum_uid": "1",
        "message_size_limit": "200000000",
        "smtp_host_lookup": "native",
        "smtp_dns_support_level": "disabled",
        "smtp_tls_security_level": "secure",
        "smtp_tls_secure_cert_match": "nexthop",
        "smtp_tls_CAfile": f"{directory}/anchors.pem",
        "smtp_tls_loglevel": "1",
        "smtpd_tls_cert_file": f"{directory}/server.pem",
        "smtpd_tls_key_file": f"{directory}/server.key",
        "smtpd_tls_loglevel": "1",
        "smtpd_tls_received_header": "yes",
        "smtpd_peername_lookup": "no",
        "minimal_backoff_time": "2s",
        "maximal_backoff_time": "5s",
        "queue_run_delay": "2s",
    }


def _command(server: Postfix, word: str) -> None:
    # MAIL_CONFIG keeps the private directory out of the system's list of instances.
    command = [components.require("postfix"), "-c", str(server.directory), word]
    env = os.environ | {"MAIL_CONFIG": str(server.directory), "PATH": components.search_path()}
    done = subprocess.run(command, capture_output=True, env=env, check=False, timeout=60)
    if done.returncode:
        raise AssertionError(f"postfix {word}: {done.stderr.decode()}\n{server.log()}")


def _stop(server: Postfix) -> None:
    file = server.directory / "queue" / "pid" / "master.pid"
    master = int(file.read_text().strip())
    _command(server, "stop")
    with contextlib.suppress(ProcessLookupError):
        os.kill(master, signal.SIGTERM)
    wait_for(lambda: not _alive(master), "Postfix has ended")


def _alive(pid: int) -> bool:
    """Return whether the process lives; a zombie counts as gone."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
