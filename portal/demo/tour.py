"""What Rita and Ines do in the demo that plays itself: pick up, reply, look at the trail."""

import io
import re
import time

from django.conf import settings
from django.core.management import CommandError, call_command

from messages_app.models import AuditEvent
from portal.demo import cast, outcomes, totp
from portal.demo.mailbag import Arrival
from portal.demo.stage import NOTICE_HOST
from portal.demo.story import Story, notice_to, reveals
from portal.demo.visitor import Astray, Page, Visitor

CODE = re.compile(r"^ {4}([A-Z]{6})$", re.MULTILINE)
ORDER_NAME, ORDER = "order.txt", b"Four lights, as drawn.\n"
MAIL, CHAIN = 30.0, 10.0
TRAIL = ("hold:recipient:held", "accounts:user:registered", "pickup:message:opened", "portal:reply:submitted")


def take_tour(story: Story) -> None:
    """Play both, and check what each of them sees. Raises Astray or TooLate."""
    before = len(story.stage.mail.all())
    story.tell.title("Rita picks up")
    rita = Visitor(story.places.portal)
    page = register(story, rita)
    read(story, rita, page)
    story.tell.title("Rita replies")
    reply(story, rita, page)
    story.tell.title("What left meanwhile")
    show_mail(story, before)
    story.tell.title("Ines looks at the trail")
    look_at_trail(story)


def register(story: Story, rita: Visitor) -> Page:
    """Follow the link, prove the address, choose a password; return the page of the message."""
    page = rita.get(story.pickup_link())
    story.tell.check("the link opens nothing by itself", good=cast.SUBJECT not in page.text)
    page = rita.submit(page, page.form_with("address"), address=cast.RITA)
    code = code_in(story.stage.mail.wait_for(is_code, MAIL))
    story.tell.check("a code was mailed", good=bool(code))
    stranger = Visitor(story.places.portal).get(page.url)
    story.tell.check("another browser can't use it", good=not any("code" in form.fields for form in stranger.forms))
    page = rita.submit(page, page.form_with("code"), code=code)
    page = rita.submit(page, page.form_with("password"), password=cast.PASSWORD)
    offer = next(form for form in page.forms if form.action.endswith("/account/codes/"))
    page = rita.submit(page, offer)
    story.tell.check("the password opens the message", good=cast.SUBJECT in page.text)
    return page


def is_code(arrival: Arrival) -> bool:
    """Return whether `arrival` is a mail with a code for Rita."""
    return notice_to(cast.RITA)(arrival) and bool(CODE.search(arrival.text()))


def code_in(arrival: Arrival | None) -> str:
    """Return the code in a mail, "" where there is none."""
    found = CODE.search(arrival.text()) if arrival else None
    return found.group(1) if found else ""


def read(story: Story, rita: Visitor, page: Page) -> None:
    """Read the message and download its attachment."""
    seen = page.text + "".join(rita.get(frame).text for frame in page.frames)
    story.tell.check("she reads the text", good=cast.SENTENCE in seen)
    drawing = rita.get(page.link_to(cast.ATTACHMENT_NAME).target)
    story.tell.check(f"she downloads {cast.ATTACHMENT_NAME}, byte for byte", good=drawing.body == cast.attachment())


def reply(story: Story, rita: Visitor, page: Page) -> None:
    """Reply with a file, and wait until it is at Sam's server."""
    form_page = rita.get(page.link_to("/reply/").target)
    form = form_page.form_with("text")
    sent = rita.submit(form_page, form, text=cast.REPLY, upload=(ORDER_NAME, ORDER))
    story.tell.check("the portal has taken her reply", good=not any("text" in form.fields for form in sent.forms))
    arrival = story.stage.mail.wait_for(is_reply, MAIL)
    if arrival is None:
        raise outcomes.TooLate(f"the reply did not reach {cast.HOME_HOST} within {MAIL:g} s")
    story.tell.mail(arrival)
    judge_reply(story, arrival)


def is_reply(arrival: Arrival) -> bool:
    """Return whether `arrival` is Rita's reply at Sam's server."""
    return arrival.host == cast.HOME_HOST and cast.SAM in arrival.recipients and cast.REPLY in arrival.text()


def judge_reply(story: Story, arrival: Arrival) -> None:
    """Check how the reply came, and what it says."""
    message = arrival.parsed()
    files = {part.get_filename(): part.get_content() for part in message.iter_attachments()}
    order = files.get(ORDER_NAME, b"")
    content = order.encode() if isinstance(order, str) else order
    story.tell.check(f"it reached Sam's server over {arrival.how}", good=arrival.tls_version in {"TLSv1.2", "TLSv1.3"})
    story.tell.check(f"it is from {message['From']}", good=cast.RITA in str(message["From"]))
    story.tell.check(f"its subject is {message['Subject']!r}", good=cast.SUBJECT in str(message["Subject"]))
    story.tell.check(f"{ORDER_NAME} is with it", good=content.split() == ORDER.split())


def tells_of_registration(arrival: Arrival) -> bool:
    """Return whether `arrival` tells Sam that somebody registered for his message."""
    return notice_to(cast.SAM)(arrival) and "registered" in str(arrival.parsed()["Subject"])


def show_mail(story: Story, before: int) -> None:
    """Show the notices that left since `before`."""
    story.stage.mail.wait_for(tells_of_registration, MAIL)
    for arrival in story.stage.mail.all()[before:]:
        if arrival.host == NOTICE_HOST:
            story.tell.mail(arrival)
            story.tell.check("it tells nothing of the message", good=not reveals(arrival))


def look_at_trail(story: Story) -> None:
    """Sign in with the second factor, find what happened, verify the chain."""
    ines = Visitor(story.places.portal)
    home = f"/{settings.ADMIN_PATH}"
    page = sign_in(story, ines, ines.get(home))
    story.tell.check("staff's pages open", good=page.url.endswith(home))
    trail = ines.get(page.link_to("/auditevent/").target)
    for event in TRAIL:
        story.tell.check(f"the trail shows {event}", good=event in trail.text)
    story.tell.check("it shows nothing of the content", good=cast.SUBJECT not in trail.text)
    verify_chain(story)


def sign_in(story: Story, ines: Visitor, page: Page) -> Page:
    """Type address, password and the authenticator's code; return where that leads."""
    page = ines.submit(page, page.form_with("login", "password"), login=cast.INES, password=story.staff.password)
    story.tell.check("a password alone is not enough", good=any("code" in form.fields for form in page.forms))
    return ines.submit(page, page.form_with("code"), code=totp.code(story.staff.totp_secret, time.time()))


def verify_chain(story: Story) -> None:
    """Run `audit verify` once everything is linked."""

    def linked() -> bool:
        return not AuditEvent.objects.filter(link=None).exists()

    outcomes.wait_until("all events are linked", linked, CHAIN)
    words = io.StringIO()
    try:
        call_command("audit", "verify", stdout=words, stderr=words)
    except CommandError as error:
        raise Astray(f"audit verify: {error} {words.getvalue()}") from error
    story.tell.check(f"audit verify: {words.getvalue().strip()}", good=True)
