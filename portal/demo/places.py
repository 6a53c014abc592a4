"""Where everything of the demo is: a data folder, and ports on loopback alone."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from portal.demo import cast
from portal.demo.ports import free_port
from portal.env import BASE_DIR

LOOPBACK = "127.0.0.1"
# DEMO_DIR serves tests, which must not empty the folder of a demo that somebody looks at.
DATA = Path(os.environ.get("DEMO_DIR") or BASE_DIR / "var" / "demo")
MX_ADDRESSES = (cast.HOME_IP, *(receiver.ip for receiver in cast.RECEIVERS))


@dataclass(frozen=True)
class Places:
    """The data folder and the ports."""

    data: Path
    web: int
    smtp: int
    dns: int
    mx: int
    notices: int

    @property
    def portal(self) -> str:
        """The portal's address: by name, since browsers keep Secure cookies and passkeys for `localhost` alone."""
        return f"http://localhost:{self.web}"

    @property
    def trust_roots(self) -> Path:
        """The demo's CA."""
        return self.data / "demo-ca.pem"


def choose(data: Path = DATA) -> Places:
    """Return places whose ports are free now. Raises OSError."""
    return Places(
        data=data,
        web=free_port(8000, [LOOPBACK]),
        smtp=free_port(2525, [LOOPBACK]),
        dns=free_port(5300, [LOOPBACK]),
        mx=free_port(2600, MX_ADDRESSES),
        notices=free_port(2700, [LOOPBACK]),
    )


def from_environment(environment: Mapping[str, str] = os.environ) -> Places:
    """Return the places that `environment` made of them. Raises KeyError outside the demo."""
    ports = {name: int(environment[f"DEMO_{name.upper()}"]) for name in ("web", "smtp", "dns", "mx", "notices")}
    return Places(data=Path(environment["DATA_DIR"]), **ports)


def environment(places: Places) -> dict[str, str]:
    """Return the settings of the demo: every one that matters, so that no `.env` reaches into it."""
    data = places.data
    ports = {"DEMO_WEB": places.web, "DEMO_SMTP": places.smtp, "DEMO_DNS": places.dns}
    ports |= {"DEMO_MX": places.mx, "DEMO_NOTICES": places.notices}
    return {name: str(port) for name, port in ports.items()} | {
        "DEMO": "1",
        "ROLE": "",
        "DATA_DIR": str(data),
        "DATABASE_URL": f"sqlite:///{data}/postern.sqlite3",
        "REDIS_URL": "",
        "STORE_DIR": str(data / "store"),
        "KEY_DIR": str(data / "keys"),
        "ROOT_PUBLIC_KEY": str(data / "public" / "root.pub"),
        "PORTAL_BASE_URL": places.portal,
        "PORTAL_NAME": "Postern",
        "ORGANISATION": "Home Example Ltd",
        "TRUSTED_PROXY_COUNT": "0",
        "WEB_LISTEN": f"{LOOPBACK}:{places.web}",
        "SMTPD_LISTEN": f"{LOOPBACK}:{places.smtp}",
        "SMTPD_HOSTNAME": cast.INTAKE_HOST,
        "SMTPD_CERTIFICATE": str(data / "smtpd" / "cert.pem"),
        "SMTPD_PRIVATE_KEY": str(data / "smtpd" / "key.pem"),
        "MIN_FREE_BYTES": str(64 * 1024 * 1024),
        "HELO_NAME": cast.INTAKE_HOST,
        "EMAIL_URL": f"smtp://{LOOPBACK}:{places.notices}",
        "NOTICE_FROM": f"notice@{cast.INTAKE_HOST}",
        "SWEEP_SECONDS": "2",
        "DNS_SERVERS": f"{LOOPBACK}:{places.dns}",
        "MX_PORT": str(places.mx),
        "MX_ALLOW_NETWORKS": "127.0.0.0/8",
        "TRUST_ROOTS": str(places.trust_roots),
        "LOG_FORMAT": "console",
    }
