"""Ada's pages: sign-in with a second factor, the start, every list, and one page behind each."""

import re

from tests.harness import staff
from tests.harness.tours.walker import Walker

HREFS = "links => links.map(link => link.getAttribute('href'))"
# Rows are alike: a few stand for a hundred.
FEW = "() => document.querySelectorAll('#result_list tbody tr:nth-child(n+6)').forEach(row => row.remove())"
LIST = re.compile(r"/staff/\w+/\w+/")


def ada(walker: Walker) -> None:
    """Look at everything that the start of the admin leads to."""
    _policy(walker)
    staff.sign_in(walker.page, walker.postern)
    walker.page.goto(f"{walker.postern.url}/staff/")
    walker.look("staff")
    hrefs = walker.page.eval_on_selector_all("a[href]", HREFS)
    for path in sorted({each for each in hrefs if LIST.fullmatch(each)}):
        _list(walker, path)
    for path in sorted({each for each in hrefs if each.endswith("/add/")}):
        walker.page.goto(walker.postern.url + path)
        walker.look(f"staff, add {path.split('/')[-3]}")


def _policy(walker: Walker) -> None:
    """Have something to show: mail that is held, and a policy."""
    walker.hold(walker.newcomer("audited"))
    walker.postern.ask("DomainPolicy.objects.get_or_create(pattern='partner.example')[1]")


def _list(walker: Walker, path: str) -> None:
    name = path.split("/")[-2]
    walker.page.goto(f"{walker.postern.url}{path}")
    walker.page.evaluate(FEW)
    walker.look(f"staff, {name}")
    first = walker.page.locator("#result_list tbody th a").first
    if first.count():
        first.click()
        walker.look(f"staff, one {name}")
