"""A stage for hostile HTML: a server of pages, a trap for whatever they ask of others, and an eye on the browser."""

import contextlib
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Dialog, Error, Frame, Page, Request

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own, of 2020
    import html5lib

# What somebody may do to an element besides following a link. Playwright counts it as the user's doing.
TOUCH = """
() => {
  const kinds = ["mouseover", "mouseenter", "mousemove", "mousedown", "mouseup", "dblclick", "contextmenu", "wheel",
    "pointerover", "pointerdown", "pointerup", "touchstart", "touchend", "keydown", "keypress", "keyup", "focus",
    "focusin", "blur", "input", "change", "select", "submit", "reset", "drag", "dragstart", "drop", "copy", "cut",
    "paste", "beforecopy", "search", "scroll", "toggle", "animationstart", "animationend", "transitionend", "error"];
  for (const each of document.querySelectorAll("*")) {
    try { each.focus?.(); } catch {}
    for (const kind of kinds) {
      const init = {bubbles: false, cancelable: true, view: window};
      try { each.dispatchEvent(new (kind.startsWith("key") ? KeyboardEvent : MouseEvent)(kind, init)); } catch {}
    }
    if (!each.closest("a[href], area[href]")) { try { each.click?.(); } catch {} }
    if (each instanceof HTMLFormElement) { try { each.requestSubmit(); } catch {} }
    if (each.tagName === "DETAILS") { each.open = true; }
  }
}
"""
FOLLOW = """
() => document.querySelectorAll("*").forEach(each => {
  if (each.matches("a, area") || each.closest("svg, math")) {
    try { each.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true, view: window})); } catch {}
  }
})
"""
# Where each snippet stands: its frame's place, and its own within (see `arranged`).
BOXES = """
() => [...document.querySelectorAll("iframe")].flatMap(each => {
  const box = each.getBoundingClientRect();
  const count = Number(each.dataset.count || 1);
  return [...Array(count).keys()].map(
    number => [box.left + 150 * (number % 4), box.top + 120 * Math.floor(number / 4), number === count - 1]);
})
"""
# Snippets that share a document, four in a row.
TOGETHER = 12
_PLACE = "position:absolute;left:{}px;top:{}px;width:150px;height:120px;overflow:hidden"
# These reach beyond where they stand, or act on the document itself.
_FAR = re.compile(
    r"<[\s/]*(?:meta|base|html|head|body|frameset|frame|link|style|title|plaintext|template|marquee)"
    r"|position|autofocus|&lt;|\x00",
    re.IGNORECASE,
)


def groups(snippets: Sequence[str]) -> list[list[str]]:
    """Return `snippets` as they may share documents: alone where one doesn't end where it stands."""
    alone = [[each] for each in snippets if not ends_by_itself(each)]
    tame = [each for each in snippets if ends_by_itself(each)]
    return alone + [tame[at : at + TOGETHER] for at in range(0, len(tame), TOGETHER)]


@cache
def ends_by_itself(snippet: str) -> bool:
    """Return whether nothing that follows `snippet` would be part of it: no open comment, form, link or table."""
    if _FAR.search(snippet):
        return False
    source = f"<!doctype html><body><div>{snippet}</div><div><form id=after><i>x</i></form></div>"
    body = html5lib.parse(source, namespaceHTMLElements=False).find("body")
    if body is None or [child.tag for child in body] != ["div", "div"]:
        return False
    [*_, last] = body
    return [[child.tag, child.get("id"), [each.tag for each in child]] for child in last] == [["form", "after", ["i"]]]


def arranged(snippets: Sequence[str]) -> str:
    """Return several snippets as one document's content, each at a place of its own."""
    if len(snippets) == 1:
        return snippets[0]
    places = [_PLACE.format(150 * (number % 4), 120 * (number // 4)) for number in range(len(snippets))]
    return "".join(f'<div style="{at}">{each}</div>' for at, each in zip(places, snippets, strict=True))


@dataclass
class Pages:
    """Pages by their path, and the address of the server that serves them."""

    origin: str
    pages: dict[str, tuple[dict[str, str], bytes]] = field(default_factory=dict)

    def put(self, path: str, content: str | bytes, headers: dict[str, str] | None = None) -> str:
        """Serve `content` under `path` and return its address."""
        body = content.encode("utf-8", "replace") if isinstance(content, str) else content
        self.pages[path] = ({"Content-Type": "text/html; charset=utf-8", **(headers or {})}, body)
        return self.origin + path


@dataclass
class Trap:
    """A proxy that lets nothing through, and notes what was asked of it."""

    address: str
    asked: list[str] = field(default_factory=list)

    def taken(self) -> list[str]:
        """Return what was asked since the last call."""
        found, self.asked[:] = list(self.asked), []
        return found


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Answer with `body`."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)


@contextlib.contextmanager
def _server(handler: type[_Quiet]) -> Iterator[str]:
    """Run a server on loopback; give its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def pages() -> Iterator[Pages]:
    """Serve pages on loopback."""
    held = Pages("")

    class Handler(_Quiet):
        def do_GET(self) -> None:
            """Serve one page; what is not there is a small page, too."""
            headers, body = held.pages.get(self.path, ({"Content-Type": "text/plain"}, b""))
            self.answer(200 if body else 404, headers, body)

        do_POST = do_GET  # noqa: N815  # http.server's names

    with _server(Handler) as held.origin:
        yield held


@contextlib.contextmanager
def trap() -> Iterator[Trap]:
    """Run the proxy that a browser is given instead of a network."""
    caught = Trap("")

    class Handler(_Quiet):
        def do_GET(self) -> None:
            """Note a request, answer with nothing, and close."""
            caught.asked.append(f"{self.command} {self.path}")
            self.close_connection = True
            self.answer(502, {"Connection": "close"}, b"")

        do_POST = do_HEAD = do_OPTIONS = do_CONNECT = do_PUT = do_GET  # noqa: N815  # http.server's names

    with _server(Handler) as caught.address:
        yield caught


@dataclass
class Seen:
    """What pages did."""

    acts: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    blocked: int = 0


class Watcher:
    """One browser profile whose pages are watched while somebody reads, touches everything and follows links."""

    def __init__(self, browser: Browser, origin: str, caught: Trap) -> None:
        self.origin, self.trap = origin, caught
        self.seen = Seen()
        self.following = False
        self.context: BrowserContext = browser.new_context(
            # Loopback too, other than our own pages: a snippet may name it.
            proxy={"server": caught.address, "bypass": f"<-loopback>;{origin.removeprefix('http://')}"},
            viewport={"width": 1300, "height": 1900},
        )
        self.context.expose_binding("hostileRan", lambda _source, what: self.seen.acts.append(f"script: {what}"))
        self.context.add_init_script("window.print = () => hostileRan('print');")
        self.context.on("page", self._opened)
        self.context.on("requestfailed", self._asked)
        self.context.on("requestfinished", self._asked)
        self.context.set_default_timeout(5_000)
        self.page = self.context.new_page()

    def show(self, address: str, *, scripts: bool = True) -> Seen:
        """Open `address`, wait, touch everything, follow links; return what was seen.

        Where documents have no `scripts`, nothing can be run in them from here either:
        there the mouse and the keyboard do what they can.
        """
        self.seen, self.following = Seen(), False
        self.trap.taken()
        self.page.goto(address, wait_until="load", timeout=180_000)
        self.page.wait_for_timeout(80)
        if scripts:
            self._in_frames(TOUCH)
            self.page.wait_for_timeout(80)
        self.seen.foreign += self.trap.taken()
        self.following = True
        if scripts:
            self._in_frames(FOLLOW)
        else:
            self._by_hand()
        self.page.wait_for_timeout(80)
        if self.page.url != address:
            self.seen.acts.append(f"navigated to {self.page.url}")
        return self._finish()

    def _finish(self) -> Seen:
        """Close windows that links opened, those too that are still on their way; forget what they asked for."""
        # Windows come in the order in which they were asked for: when ours is there, all before it are.
        with self.page.expect_popup(timeout=180_000):
            self.page.evaluate("() => { open('about:blank'); }")
        for each in self.context.pages:
            if each is not self.page:
                each.close()
        self.trap.taken()
        return self.seen

    def _by_hand(self) -> None:
        """Move to each snippet and click near its beginning; press Enter in each document: it submits and follows."""
        for left, top, is_last in self.page.evaluate(BOXES):
            self.page.mouse.click(left + 14, top + 16)
            if is_last:
                self.page.keyboard.press("Enter")
        for key in ("Tab", "Enter", "a"):
            self.page.keyboard.press(key)

    def _in_frames(self, script: str) -> None:
        """Run `script` in every document."""
        for frame in self.page.frames:
            self._in_frame(frame, script)

    def _in_frame(self, frame: Frame, script: str) -> None:
        """Run `script` in one document; one that went away meanwhile is none of ours."""
        with contextlib.suppress(Error):
            frame.evaluate(script)

    def _opened(self, page: Page) -> None:
        """Watch a page; one that nobody's click opened is an act."""
        page.on("dialog", self._dialog)
        page.on("console", lambda message: self._said(message.text))
        if page.opener() is not None and not self.following:
            self.seen.acts.append(f"opened a window: {page.url}")

    def _dialog(self, dialog: Dialog) -> None:
        self.seen.acts.append(f"{dialog.type}: {dialog.message[:80]}")
        with contextlib.suppress(Error):
            dialog.dismiss()

    def _said(self, text: str) -> None:
        self.seen.blocked += "Blocked " in text or "Content Security Policy" in text

    def _asked(self, request: Request) -> None:
        """Note what a followed link's own page asks of others meanwhile: a link itself may lead anywhere.

        Before that the trap is the judge: a request that the browser refused to send is here, too.
        """
        ours = request.url.startswith(self.origin) or request.url.partition(":")[0] not in {
            "http",
            "https",
            "ws",
            "wss",
        }
        if self.following and not ours and not request.is_navigation_request() and "BLOCKED" not in _failure(request):
            self.seen.foreign.append(request.url)


def _failure(request: Request) -> str:
    """Return why a request failed; one that the browser's policy refused is BLOCKED."""
    failure = (request.failure or "").upper()
    return "BLOCKED" if failure == "CSP" else failure
