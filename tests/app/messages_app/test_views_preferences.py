"""Preferences: what can be chosen, and that every page keeps to it."""

import pytest
from django.urls import reverse

from messages_app.forms import zone_names
from messages_app.models import AuditEvent
from tests.mailroom import make_copy, make_user, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")

CHOSEN = {
    "language": "en",
    "time_zone": "Asia/Tokyo",
    "signature": "Rita\nPartner & Co",
    "notice_phrase": "blue bicycle",
}


def choose(rita, **changed):
    return signed_in(rita).post(reverse("preferences"), CHOSEN | changed, follow=True)


def test_what_was_chosen_is_kept_and_shown_again(rita):
    page = choose(rita).content.decode()
    rita.refresh_from_db()
    assert (rita.time_zone, rita.notice_phrase) == ("Asia/Tokyo", "blue bicycle")
    assert rita.signature.splitlines() == ["Rita", "Partner & Co"]
    assert "Your preferences are saved." in page
    assert "Partner &amp; Co</textarea>" in page


@pytest.mark.parametrize(
    "changed",
    [{"language": "xx"}, {"time_zone": "Mars/Olympus"}, {"signature": "x" * 2001}, {"notice_phrase": "x" * 81}],
)
def test_what_is_not_on_offer_is_refused(rita, changed):
    assert "There is a problem" in choose(rita, **changed).content.decode()
    rita.refresh_from_db()
    assert rita.time_zone == ""


def test_a_phrase_stays_on_its_line_and_hides_nothing(rita):
    choose(rita, notice_phrase="blue\r\nSubject: x\u202e")
    rita.refresh_from_db()
    assert rita.notice_phrase == "blue Subject: x"


def test_pages_show_times_in_the_chosen_zone(rita, settings):
    settings.TIME_ZONE = "UTC"
    copy = make_copy(rita, text="x", headers={"date": "Fri, 20 Nov 2026 20:00:00 +0000"})
    choose(rita)
    page = signed_in(rita).get(reverse("message", args=[copy.pk])).content.decode()
    assert "(JST)" in page


def test_the_zone_of_one_reader_is_not_that_of_the_next(rita):
    choose(rita)
    otto = make_user("otto@home.example")
    signed_in(rita).get(reverse("inbox"))
    assert "(UTC)" in signed_in(otto).get(reverse("preferences")).content.decode()


def test_a_zone_that_this_system_does_not_know_is_the_portals_own(rita):
    rita.time_zone = "Mars/Olympus"
    rita.save()
    assert "(UTC)" in signed_in(rita).get(reverse("preferences")).content.decode()


def test_every_zone_on_offer_exists():
    assert {"Europe/Berlin", "Asia/Tokyo", "UTC"} <= set(zone_names())


def test_a_change_is_audited_by_name_and_not_by_value(rita):
    choose(rita)
    details = AuditEvent.objects.get(event="accounts:preferences:changed").details
    assert "signature" in details["changed"]
    assert "bicycle" not in str(details)


def test_the_signature_stands_in_a_new_reply(rita):
    choose(rita)
    copy = make_copy(rita, text="x")
    page = signed_in(rita).get(reverse("message_reply", args=[copy.pk]))
    assert page.context["form"]["text"].value().replace("\r", "") == "\n\n-- \nRita\nPartner & Co"
