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

from playwright.sync_api import Browser, BrowserContext, Dialog, Error, Page, Request

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own, of 2020
    import html5lib

# What somebody may do to an element besides following a link. It counts as the user's doing.
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
# What a script calls to show that it ran says so, and in which document.
LISTEN = """
for (const name of ["alert", "confirm", "prompt", "print"]) { window[name] = () => { hostileRan(name); }; }
"""
# Ends when all that was about to happen has: timers of a moment, the next two pictures, and requests on their way.
SETTLE = """
async address => {
  await new Promise(done => setTimeout(done, 60));
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  await fetch(address, {mode: "no-cors"}).catch(() => undefined);
}
"""
# An address that our own pages ask the trap for: when it was answered, what was asked before is noted.
MARK = "http://mark.example/"
# Milliseconds: a machine may be busy.
PATIENCE = 180_000
# Snippets that share a document, and of these in a row.
TOGETHER, ROW = 24, 6
_PLACE = "position:absolute;left:{}px;top:{}px;width:150px;height:120px;overflow:hidden"
# These act on the document itself.
_FAR = re.compile(
    r"<[\s/]*(?:meta|base|html|head|body|frameset|frame|plaintext)|&lt;|\x00",
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
    places = [_PLACE.format(150 * (number % ROW), 120 * (number // ROW)) for number in range(len(snippets))]
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
            if self.path != MARK:
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
    """A browser whose pages are watched while somebody reads, touches everything and follows links.

    Events are made in a world of scripts beside the page's own: it is there also
    where a sandbox or a policy lets no script run, and what it wakes runs in the page's.
    """

    def __init__(self, browser: Browser, origin: str, caught: Trap) -> None:
        self.browser, self.origin, self.trap = browser, origin, caught
        # Loopback too, other than our own pages: a snippet may name it.
        self.proxy = {"server": caught.address, "bypass": f"<-loopback>;{origin.removeprefix('http://')}"}

    def show(self, address: str) -> Seen:
        """Open `address`, wait, touch everything, follow links; return what was seen.

        Each time with a profile of its own: a window that comes late is nobody else's.
        """
        context = self.browser.new_context(proxy=self.proxy, viewport={"width": 1850, "height": 2400})
        context.set_default_timeout(PATIENCE)
        self.trap.taken()
        try:
            return _Visit(context, self).all_of(address)
        finally:
            context.close()


class _Visit:
    """One page, from its opening to the last window that a link of it opened."""

    def __init__(self, context: BrowserContext, watcher: Watcher) -> None:
        self.origin, self.trap = watcher.origin, watcher.trap
        self.seen = Seen()
        self.following = False
        context.expose_binding("hostileRan", self._ran)
        context.add_init_script(LISTEN)
        context.on("page", self._opened)
        context.on("requestfailed", self._asked)
        context.on("requestfinished", self._asked)
        self.page = context.new_page()
        self.tools = context.new_cdp_session(self.page)

    def all_of(self, address: str) -> Seen:
        """Return what was seen at `address`."""
        self.page.goto(address, wait_until="load")
        places = self._places()
        self._settle()
        self._everywhere(TOUCH)
        self._settle()
        self.seen.foreign += self.trap.taken()
        self._note_moves(address, places)
        self.following = True
        self._everywhere(FOLLOW)
        self._settle()
        self._note_moves(address, [])
        self._await_windows()
        return self.seen

    def _places(self) -> list[str]:
        """Return where the frames of the page are."""
        return self.page.evaluate("() => [...document.querySelectorAll('iframe')].map(each => each.src)")  # type: ignore[no-any-return]

    def _note_moves(self, address: str, places: list[str]) -> None:
        """Note it where the page is elsewhere, or one of its frames that was at `places`."""
        if self.page.url != address:
            self.seen.acts.append(f"navigated to {self.page.url}")
        frames = [frame.url for frame in self.page.main_frame.child_frames]
        for place in places:
            if place not in frames:
                self.seen.acts.append(f"a frame left {place}")

    def _settle(self) -> None:
        self.page.evaluate(SETTLE, MARK)

    def _await_windows(self) -> None:
        """Wait for the windows that links opened: when one that is asked for now is there, all before it are."""
        with self.page.expect_popup():
            self.page.evaluate("() => { open('about:blank'); }")
        self.trap.taken()

    def _everywhere(self, script: str) -> None:
        """Run `script` in every document, as somebody's doing."""
        for frame in _within(self.tools.send("Page.getFrameTree")["frameTree"]):
            # A document that went away meanwhile is none of ours.
            with contextlib.suppress(Error):
                self._in_frame(frame, script)

    def _in_frame(self, frame: str, script: str) -> None:
        world = self.tools.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "somebody"})
        place = {"contextId": world["executionContextId"], "userGesture": True}
        self.tools.send("Runtime.evaluate", {"expression": f"({script})()", **place})

    def _opened(self, page: Page) -> None:
        """Watch a page; one that nobody's click opened is an act."""
        page.on("dialog", self._dialog)
        page.on("console", lambda message: self._said(message.text))
        if page.opener() is not None and not self.following:
            self.seen.acts.append(f"opened a window: {page.url}")

    def _ran(self, source: dict[str, Any], what: str) -> None:
        """Note what a script said, and in which of the page's frames."""
        frame = source["frame"]
        while frame.parent_frame and frame.parent_frame.parent_frame:
            frame = frame.parent_frame
        self.seen.acts.append(f"{what} in {frame.url}")

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
        ours = request.url.startswith((self.origin, MARK)) or request.url.partition(":")[0] not in {
            "http",
            "https",
            "ws",
            "wss",
        }
        if self.following and not ours and not request.is_navigation_request() and "BLOCKED" not in _failure(request):
            self.seen.foreign.append(request.url)


def _within(tree: dict[str, Any]) -> Iterator[str]:
    """Yield the ids of a frame and of all within it."""
    yield tree["frame"]["id"]
    for child in tree.get("childFrames", []):
        yield from _within(child)


def _failure(request: Request) -> str:
    """Return why a request failed; one that the browser's policy refused is BLOCKED."""
    failure = (request.failure or "").upper()
    return "BLOCKED" if failure == "CSP" else failure
