"""Behind the proxy of docs/operating.md, whoever sends more than it passes on reads the portal's own words."""

import http.client
import re
from pathlib import Path

import pytest

from tests.harness import components
from tests.harness.processes import Process, free_port, listening, private_directory

pytestmark = pytest.mark.needs("nginx", "smtp-sink", "stunnel")

OPERATING = Path(__file__).parents[3] / "docs" / "operating.md"
CONFIGURATION = """
daemon off; user root; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off; client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    server {{ listen 127.0.0.1:{port}; {locations} }}
}}
"""


def documented(portal: str) -> str:
    """Return what the operator is told to write, for the portal at `portal`."""
    found = re.search(r"```\n(location / \{.*?)```", OPERATING.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1].replace("http://127.0.0.1:8000", portal)


@pytest.fixture
def proxy(stacks):
    """Run nginx before Postern; give its port."""
    with private_directory("nginx") as directory:
        port = free_port()
        file = directory / "nginx.conf"
        locations = documented(stacks("embedded").url)
        file.write_text(CONFIGURATION.format(directory=directory, port=port, locations=locations))
        command = [components.require("nginx"), "-c", str(file), "-e", str(directory / "error.log")]
        with Process("nginx", command, log=directory / "log") as process:
            process.wait_until(lambda: listening(port))
            yield port


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [("/account/login/", 413, "too much at once"), ("/too-large/", 404, "404 Not Found")],  # asked for, it is not there
)
def test_what_the_proxy_refuses_is_told_by_the_portal(proxy, path, status, words):
    line = http.client.HTTPConnection("127.0.0.1", proxy, timeout=60)
    line.putrequest("POST" if status == 413 else "GET", path, skip_host=True)
    line.putheader("Host", "localhost")
    line.putheader("Content-Length", str(60_000_000 if status == 413 else 0))
    line.endheaders()
    answer = line.getresponse()
    assert (answer.status, words in answer.read().decode()) == (status, True)
    line.close()
