"""A portal to measure: gunicorn in front of a private database, filled through a shell of its own."""

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.harness.processes import Process, free_port, listening, private_directory, run
from tests.harness.shell import Shell
from tests.harness.stack import PREPARE, REPOSITORY

# As in the Dockerfile and compose.yaml, but one worker: its CPU seconds and peak are what is measured.
GUNICORN = ("portal.wsgi", "--worker-class=gthread", "--workers=1", "--threads=8", "--no-control-socket")


@dataclass(frozen=True)
class Portal:
    """A running portal, and a Django shell beside it."""

    port: int
    web: Process
    shell: Shell

    def ask(self, code: str, **names: Any) -> Any:
        """Return the value of `code` in the portal's own Django; `mailbox` is `bench.web.mailbox`."""
        return self.shell.ask(f"from bench.web import mailbox\n{code}", **names)


@contextlib.contextmanager
def portal(database_url: str = "", redis_url: str = "") -> Iterator[Portal]:
    """Run a portal on these stores; without any, the embedded ones."""
    with private_directory("bench") as directory, contextlib.ExitStack() as running:
        port = free_port()
        env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        env |= {
            "DJANGO_SETTINGS_MODULE": "bench.web.settings",
            "PYTHONPATH": str(REPOSITORY),
            "TMPDIR": str(directory),
            "DATA_DIR": str(directory / "data"),
            "SECRET_KEY": secrets.token_urlsafe(64),
            "PORTAL_BASE_URL": f"http://localhost:{port}",
            "LOG_LEVEL": "WARNING",
        }
        env |= {"DATABASE_URL": database_url, "REDIS_URL": redis_url} if database_url else {}
        run([sys.executable, "-c", PREPARE], env=env, cwd=REPOSITORY)
        command = [sys.executable, "-m", "gunicorn", *GUNICORN, f"--bind=127.0.0.1:{port}"]
        web = Process("web", command, log=directory / "web.log", env=env | {"ROLE": "web"}, cwd=REPOSITORY)
        shell = Shell(sys.executable, env=env, cwd=REPOSITORY, log=directory / "shell.log")
        running.callback(shell.close)
        running.enter_context(web)
        web.wait_until(lambda: listening(port))
        yield Portal(port, web, shell)
