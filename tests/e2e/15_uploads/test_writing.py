"""A reply on a slow line, with too much in it, left half-way, and taken back: nothing of it is lost."""

import contextlib
import re
import sqlite3

import pytest
from playwright.sync_api import expect

from tests.harness import pickup
from tests.harness.browser import reader
from tests.harness.internet import DEFECTS
from tests.harness.processes import wait_for
from tests.harness.tours.reader import AWAY
from tests.harness.tours.walker import Walker

pytestmark = pytest.mark.needs("chromium", "smtp-sink", "stunnel")

MEGABYTE = 1024 * 1024
SLOW = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": MEGABYTE}
FAST = SLOW | {"uploadThroughput": -1}
TEXT = "Thank you, Sam."


@pytest.fixture(scope="module")
def account(stacks, net, browser):
    """Give Rita's address and her signed-in browser's cookies: one account for all of these tests."""
    postern = stacks("embedded")
    address = net.partner("writing", DEFECTS["self-signed"]).mailbox()
    with reader(browser) as somebody:
        walker = Walker(postern, net, somebody.page, None)
        walker.hold(address)
        pickup.first_contact(somebody.page, postern, address)
        yield walker, address, somebody.context.storage_state()


@pytest.fixture
def write(account, browser):
    """Open the form of a reply to a new message, with JavaScript or without; give its page."""
    walker, address, state = account
    with contextlib.ExitStack() as open_browsers:

        def page(*, javascript=True, before=lambda _page: None, own_session=False):
            path = f"/messages/{walker.hold(address)[-1]}/reply/"
            known = {} if own_session else {"storage_state": state}
            rita = open_browsers.enter_context(reader(browser, javascript=javascript, **known))
            before(rita.page)
            rita.page.goto(walker.postern.url + path)
            if own_session:
                sign_in(rita.page, address)
            rita.page.locator("textarea").fill(TEXT)
            return rita.page

        yield page


def sign_in(page, address):
    page.get_by_label("Email").first.fill(address)
    page.get_by_label("Password", exact=True).fill(pickup.PASSWORD)
    press(page, "Sign in")


@pytest.fixture
def file(tmp_path):
    """Make files of a size; the large ones have holes."""

    def make(name, size):
        path = tmp_path / name
        with path.open("wb") as made:
            made.truncate(size)
        return path

    return make


def line_of(page):
    """Return what makes the line of `page` slow, or fast again."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    return lambda conditions: devtools.send("Network.emulateNetworkConditions", conditions)


def choose(page, *files):
    page.locator("input[type=file]").set_input_files(list(files))


def press(page, words):
    page.get_by_role("button", name=re.compile(f"^{words}")).first.click()


def test_a_slow_upload_says_how_far_it_is_and_can_be_stopped_and_sent_again(write, file):
    page = write()
    choose(page, file("plans.bin", 20 * MEGABYTE))
    line = line_of(page)
    line(SLOW)
    press(page, "Send")
    expect(page.locator("[data-upload-status]")).to_have_text(re.compile(r"^[1-9]\d?\s?%$"))
    assert 0 < page.locator("progress").evaluate("bar => bar.value") < 100
    cancel = page.get_by_role("button", name="Cancel the upload")
    expect(cancel).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The upload was cancelled. Nothing was sent.")).to_be_visible()
    expect(page.locator("textarea")).to_have_value(TEXT)
    line(FAST)
    press(page, "Send")
    page.wait_for_url("**/sent/**")
    expect(page.get_by_text("plans.bin")).to_be_visible()
    expect(page.get_by_text("20.0 MB")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_several_files_go_along_and_their_limits_are_said_first(write, file, javascript):
    page = write(javascript=javascript)
    expect(page.get_by_text("Up to 50 files, 50.0 MB together.")).to_be_visible()
    names = ["one.txt", "two.txt", "three.txt"]
    choose(page, *[file(name, 100) for name in names])
    if javascript:
        expect(page.locator(".file-list li span:first-child")).to_have_text(names)
    press(page, "Send")
    page.wait_for_url("**/sent/**")
    assert page.locator(".attachment-name > :first-child").all_inner_texts() == names


def test_files_that_are_chosen_later_join_the_first_and_each_can_be_taken_out(write, file):
    page, one = write(), file("one.txt", 100)
    names = page.locator(".file-list li > :first-child")
    choose(page, one)
    choose(page, file("two.txt", 200), file("three.txt", 300))
    expect(names).to_have_text(["one.txt", "two.txt", "three.txt"])
    choose(page, one)
    expect(names).to_have_text(["two.txt", "three.txt", "one.txt"])
    page.get_by_role("button", name="Remove: two.txt").click()
    expect(page.locator("input[type=file]")).to_be_focused()
    press(page, "Send")
    page.wait_for_url("**/sent/**")
    assert page.locator(".attachment-name > :first-child").all_inner_texts() == ["three.txt", "one.txt"]


DROP = """
name => {
  const carried = new DataTransfer();
  carried.items.add(new File(["dropped"], name));
  const drop = new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: carried});
  return !document.querySelector("h1").dispatchEvent(drop);
}
"""


def test_files_that_are_dropped_beside_the_chooser_join_the_others_and_it_is_said(write, file):
    page = write()
    choose(page, file("one.txt", 100))
    assert page.evaluate(DROP, "two.txt")
    expect(page.locator(".file-list li > :first-child")).to_have_text(["one.txt", "two.txt"])
    expect(page.get_by_role("status").filter(has_text="Added: two.txt.")).to_be_visible()
    assert page.locator("input[type=file]").evaluate("input => input.files.length") == 2
    expect(page.locator("textarea")).to_have_value(TEXT)


def is_sending(request):
    """Return whether it is the form that is sent: drafts save themselves meanwhile."""
    return request.is_navigation_request() or "x-requested-with" in request.headers


TOO_MUCH = {
    "too large": ([("large.bin", 50 * MEGABYTE + 1)], "too large together: the limit is 50.0"),
    "too many": ([(f"{number}.txt", 1) for number in range(51)], "at most 50 files"),
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_what_is_too_much_is_said_before_anything_is_sent(write, file, what):
    page, (files, words) = write(), TOO_MUCH[what]
    choose(page, *[file(name, size) for name, size in files])
    expect(page.locator("form[data-reply] .errorlist")).to_contain_text(words)
    posted = []
    page.on("request", lambda request: posted.append(request.url) if is_sending(request) else None)
    press(page, "Send")
    expect(page.locator("input[type=file]")).to_be_focused()
    choose(page, file("small.txt", 10))
    expect(page.locator("form[data-reply] .errorlist")).to_have_count(0)
    assert posted == []


@pytest.mark.parametrize("what", TOO_MUCH)
def test_without_javascript_what_is_too_much_is_refused_and_the_text_kept(write, file, what):
    page, (files, words) = write(javascript=False), TOO_MUCH[what]
    choose(page, *[file(name, size) for name, size in files])
    press(page, "Send")
    expect(page.locator(".error-summary")).to_contain_text(words)
    expect(page.locator("textarea")).to_have_value(TEXT)
    expect(page.get_by_text("Please choose the files again")).to_be_visible()


def test_a_reply_that_comes_back_has_its_files_still_and_goes_on_as_before(write, file):
    page = write()
    choose(page, file("notes.txt", 10))
    page.locator("textarea").fill("")
    press(page, "Send")
    expect(page.locator(".error-summary")).to_be_focused()
    expect(page.locator(".file-list")).to_contain_text("notes.txt")
    page.locator("textarea").fill(TEXT)
    expect(page.locator("[data-draft-status]")).to_contain_text("Draft saved at")
    press(page, "Send")
    page.wait_for_url("**/sent/**")
    expect(page.locator(".attachment-name > :first-child")).to_have_text("notes.txt")


def test_a_draft_saves_itself_and_is_there_after_a_reload(write):
    page = write()
    expect(page.locator("[data-draft-status]")).to_contain_text("Draft saved at")
    page.reload()
    expect(page.locator("textarea")).to_have_value(TEXT)


def test_without_javascript_a_button_saves_the_draft(write):
    page = write(javascript=False)
    press(page, "Save draft")
    expect(page.get_by_text("Your draft is saved.")).to_be_visible()
    page.reload()
    expect(page.locator("textarea")).to_have_value(TEXT)


def test_the_end_of_a_session_is_announced_and_put_off_by_one_key(write):
    page = write(before=lambda page: page.clock.install())
    limit = int(page.locator("body").get_attribute("data-session-seconds"))
    page.clock.fast_forward(1000 * (limit - 90))
    dialog = page.get_by_role("dialog", name="Are you still there?")
    stay = dialog.get_by_role("button", name="Stay signed in")
    expect(stay).to_be_focused()
    expect(page.locator("[data-draft-status]")).to_contain_text("Draft saved at")
    page.keyboard.press("Tab")
    assert page.evaluate("() => !document.activeElement.matches('main *')"), "the page behind is out of reach"
    while not stay.evaluate("button => button === document.activeElement"):
        page.keyboard.press("Tab")
    with page.expect_response("**/account/stay/") as answer:
        page.keyboard.press("Enter")
    assert answer.value.status == 204
    expect(dialog).to_be_hidden()
    expect(page.locator("textarea")).to_be_focused()


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_after_the_end_of_a_session_nothing_stays_on_the_screen_and_the_draft_is_kept(write, account, javascript):
    walker, _address, _state = account
    page = write(javascript=javascript, own_session=True)
    press(page, "Save draft")
    expect(page.get_by_text("Your draft is saved.")).to_be_visible()
    expect(page.locator(".foot")).to_contain_text("You are signed out after 30 minutes")
    walker.postern.ask(AWAY, key=next(each["value"] for each in page.context.cookies() if "session" in each["name"]))
    page.reload()
    expect(page.get_by_text("You were signed out after 30 minutes without activity.")).to_be_visible()
    assert TEXT not in page.content()


def test_signing_out_in_one_window_takes_the_mail_off_the_others(write, account):
    walker, _address, _state = account
    page = write(own_session=True)
    other = page.context.new_page()
    other.goto(f"{walker.postern.url}/account/logout/")
    other.locator("main").get_by_role("button", name="Sign out").click()
    expect(other.get_by_text("You are signed out.")).to_be_visible()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()


def is_free(database):
    """Return whether nobody is writing to the SQLite file `database`."""
    with contextlib.closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        return True


def stands_outside_of_transactions(postern):
    """Let the worker stand still where it keeps nobody from writing; return whether it does."""
    worker = postern.processes[postern.worker]
    worker.pause()
    free = all(map(is_free, (postern.directory / "data").glob("*.sqlite3")))
    if not free:
        worker.resume()
    return free


@contextlib.contextmanager
def still(postern):
    """Let nothing leave meanwhile, however slow this machine is."""
    wait_for(lambda: stands_outside_of_transactions(postern), "the worker stands still and holds no lock", seconds=60)
    try:
        yield
    finally:
        postern.processes[postern.worker].resume()


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_reply_can_be_taken_back_before_it_leaves(write, account, file, javascript):
    page = write(javascript=javascript)
    choose(page, file("notes.txt", 10))
    walker, _address, _state = account
    with still(walker.postern):
        press(page, "Send")
        page.wait_for_url("**/sent/**")
        press(page, "Undo")
        expect(page.get_by_text("It is a draft again.")).to_be_visible()
    expect(page.locator("textarea")).to_have_value(TEXT)
    expect(page.get_by_text("notes.txt")).to_be_visible()
