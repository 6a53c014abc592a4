"""The staff's pages: who gets in, what they see, and that what they set works."""

import re

import pytest

from tests.harness import pickup, staff
from tests.harness.browser import reader
from tests.harness.internet import DEFECTS
from tests.harness.kinds import in_production
from tests.harness.letters import Canary, as_sent, letter, telltale

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def ada(postern, browser):
    with reader(browser) as somebody:
        staff.sign_in(somebody.page, postern)
        yield somebody


@in_production
def test_strangers_are_asked_to_sign_in_and_readers_find_nothing_there(postern, net, browser):
    address = net.partner("reader", DEFECTS["self-signed"]).mailbox()
    postern.submit(address, as_sent(letter(address)))
    with reader(browser) as rita:
        rita.page.goto(f"{postern.url}/staff/")
        assert "/account/login/" in rita.page.url
        pickup.first_contact(rita.page, postern, address)
        rita.page.locator("h1", has_text="Hello").wait_for()
        assert rita.page.goto(f"{postern.url}/staff/").status == 404


@in_production
def test_every_staff_page_opens_and_none_has_a_word_of_a_message(postern, net, ada):
    canary, address = Canary(), net.partner("staff", DEFECTS["no STARTTLS"]).mailbox()
    postern.submit(address, telltale(address, canary))
    postern.wait_for_state(address, "held")
    ada.page.goto(f"{postern.url}/staff/")
    lists = sorted({each for each in hrefs(ada.page) if re.fullmatch(r"/staff/\w+/\w+/", each)})
    assert lists, "no model is registered"
    seen = ""
    for path in lists:
        assert ada.page.goto(postern.url + path).status == 200, path
        seen += ada.page.content()
        for row in [each for each in hrefs(ada.page) if re.match(path + r".+/change/", each)][:2]:
            assert ada.page.goto(postern.url + row).status == 200, row
            seen += ada.page.content()
    assert address in seen
    assert not canary.found_in(seen.encode())
    assert ada.complaints == []


def hrefs(page):
    return page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))")


def test_a_certificate_imported_by_staff_opens_the_way_for_mail(postern, net, ada):
    partner, page = net.partner("staffca", DEFECTS["unknown CA"]), ada.page
    page.goto(f"{postern.url}/staff/gateway/trustedcertificate/add/")
    page.locator("#id_name").fill(partner.domain)
    page.locator("#id_pem").fill(net.unknown.pem.decode())
    page.locator("[name=_save]").click()
    page.goto(f"{postern.url}/staff/gateway/domainpolicy/add/")
    page.locator("#id_pattern").fill(partner.domain)
    page.locator("select[name=trusted], #id_trusted_from").first.select_option(label=partner.domain)
    if page.locator("#id_trusted_add_link, .selector-add").count():
        page.locator("#id_trusted_add_link, .selector-add").first.click()
    page.locator("[name=_save]").click()
    postern.submit(partner.mailbox(), as_sent(letter(partner.mailbox())))
    assert partner.sink.wait_for(partner.mailbox())
    assert ada.complaints == []
