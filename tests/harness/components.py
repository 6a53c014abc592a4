"""Find the real components that tests need, and say how to install a missing one.

A missing component skips the test on a stranger's machine, with a summary at the
end of the run; under CI=true it fails the test: nothing is left out unseen.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Component:
    """One real program: what it is called, and the Debian package that brings it."""

    programs: tuple[str, ...]
    package: str
    needs_root: bool = False
    perl_module: str = ""


COMPONENTS = {
    "postgresql": Component(("initdb", "postgres"), "postgresql"),
    "redis": Component(("redis-server",), "redis-server"),
    "postfix": Component(("postfix", "postconf"), "postfix", needs_root=True),
    "smtp-sink": Component(("smtp-sink",), "postfix"),
    "stunnel": Component(("stunnel",), "stunnel4"),
    # The shell is the same engine without windows of its own: a page costs a fifth of the time.
    "chromium": Component(("chromium-headless-shell",), "chromium-headless-shell"),
    "swaks": Component(("swaks", "perl"), "swaks libnet-ssleay-perl", perl_module="Net::SSLeay"),
    "msmtp": Component(("msmtp",), "msmtp"),
    "nginx": Component(("nginx",), "nginx-light"),
    "openssl": Component(("openssl",), "openssl"),
    "testssl": Component(("testssl",), "testssl.sh"),
    "nsd": Component(("nsd",), "nsd"),
    "unbound": Component(("unbound",), "unbound"),
    "ldns": Component(("ldns-keygen", "ldns-signzone"), "ldnsutils"),
    "faketime": Component(("faketime",), "faketime"),
}
# Distributions differ: other names of the same program.
ALIASES = {
    "stunnel": ("stunnel4",),
    "chromium-headless-shell": ("chromium", "chromium-browser", "google-chrome"),
}


def search_path() -> str:
    """Return the folders that are searched: PATH, the system ones, then each PostgreSQL, newest first."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", *map(str, versions)])


def _version(folder: Path) -> tuple[int, str]:
    name = folder.parent.name
    return (int(name) if name.isdigit() else 0, name)


def program(name: str) -> str | None:
    """Return the path of the program `name`, under any of its names; None where it is not installed."""
    for candidate in (name, *ALIASES.get(name, ())):
        if found := shutil.which(candidate, path=search_path()):
            return found
    return None


def require(name: str) -> str:
    """Return the path of the program `name`. Raises FileNotFoundError where it is not installed."""
    if found := program(name):
        return found
    raise FileNotFoundError(name)


def why_missing(name: str) -> str:
    """Return why the component `name` can't be used and what to do, or "" where it can.

    Raises KeyError for a component that nobody has heard of: a typing error in a test.
    """
    component = COMPONENTS[name]
    if not all(program(each) for each in component.programs):
        return f"needs {name}: apt-get install {component.package}"
    if component.perl_module and not _perl_has(component.perl_module):
        return f"needs {component.perl_module} for {name}: apt-get install {component.package}"
    if component.needs_root and os.geteuid() != 0:
        return f"needs {name} started by root: run the tests as root or in the container"
    return ""


@cache
def _perl_has(module: str) -> bool:
    """Return whether Perl finds `module`."""
    return subprocess.run([require("perl"), f"-M{module}", "-e1"], capture_output=True, check=False).returncode == 0


def missing(names: Iterable[str]) -> list[str]:
    """Return why each of the components `names` that can't be used can't be."""
    return [why for why in map(why_missing, names) if why]
