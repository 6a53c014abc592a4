"""The harness itself: the world around Postern, the browser and the search for words."""

import base64
import http.server
import smtplib
import threading

import dns.resolver
import pytest

from tests.harness import scan
from tests.harness.browser import reader
from tests.harness.internet import DEFECTS
from tests.harness.letters import Canary, telltale
from tests.harness.processes import wait_for
from tests.harness.shell import evaluate


@pytest.mark.needs("smtp-sink", "stunnel")
def test_a_partner_is_found_by_its_mx_and_behind_a_tap(net):
    partner = net.partner("world", DEFECTS["no STARTTLS"])
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], net.dns.port
    host = str(resolver.resolve(partner.domain, "MX")[0].exchange)
    address = str(resolver.resolve(host, "A")[0])
    canary = Canary()
    with smtplib.SMTP(address, net.port, timeout=60) as client:
        client.sendmail("sam@home.example", [partner.mailbox()], telltale(partner.mailbox(), canary))
    assert partner.sink.wait_for(partner.mailbox())
    assert set(canary.found_in(partner.line.seen)) == set(canary.words)
    with pytest.raises(dns.resolver.NXDOMAIN):
        resolver.resolve("nowhere.invalid", "MX")
    with pytest.raises(dns.resolver.NoAnswer):
        resolver.resolve(host, "MX")


@pytest.mark.parametrize("encode", [str.encode, lambda text: text.encode("utf-16-le"), lambda text: scan64(text, 1)])
def test_the_search_finds_a_word_in_each_spelling_and_across_blocks(tmp_path, monkeypatch, encode):
    monkeypatch.setattr(scan, "BLOCK", 5000)
    canary = Canary()
    (tmp_path / "disk").write_bytes(b"x" * 4990 + encode(canary.text) + b"x" * 9000)
    assert scan.places([tmp_path], canary.words) == [f"{tmp_path}/disk: {canary.text}"]


def scan64(text, shift):
    return base64.b64encode(b"y" * shift + text.encode() + b"zz")


@pytest.mark.needs("chromium")
def test_the_browser_tells_what_a_page_complains_of(browser):
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Security-Policy", "default-src 'none'")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>x</title><script>document.title = 'ran'</script>")

        def log_message(self, *_arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with reader(browser) as somebody:
            somebody.page.goto(f"http://localhost:{server.server_port}/")
            assert somebody.page.title() == "x"
            # What the browser has said is heard when something is asked of it.
            wait_for(
                lambda: somebody.page.title() and [each for each in somebody.complaints if "Security Policy" in each],
                "a complaint",
            )
        server.shutdown()


def test_the_shell_answers_with_the_last_expression():
    assert evaluate("a = [1, 2]\n[each * 2 for each in a]", {}) == [2, 4]
    assert evaluate("a = 1", {}) is None
