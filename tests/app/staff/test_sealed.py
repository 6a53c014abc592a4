"""No page of the admin tells what a message says, or by which names people go."""

import pytest
from django.urls import reverse

from messages_app.models import Attempt, KeyWrap, Message
from notifications.models import Notice
from tests.app.staff.conftest import CANARIES, MODELS


def pages(rows):
    for name, row in rows.items():
        yield reverse(f"admin:{name}_changelist")
        yield reverse(f"admin:{name}_change", args=[row.pk])
        yield reverse(f"admin:{name}_history", args=[row.pk])


def test_no_page_of_a_held_message_holds_a_word_of_it(held, ines):
    rows = {name: row for name, model in MODELS.items() if (row := model.objects.first())}
    assert {"messages_app_message", "notifications_notice", "messages_app_auditevent"} <= rows.keys()
    notices = [reverse("admin:notifications_notice_change", args=[notice.pk]) for notice in Notice.objects.all()]
    for url in [reverse("admin:index"), *pages(rows), *notices]:
        text = ines.get(url).content.decode()
        assert not [word for word in CANARIES if word in text], url


def test_the_name_that_a_notice_carries_is_there_and_stays_hidden(held, ines):
    notice = Notice.objects.get(kind="first")
    assert notice.parameters["sender_name"] == "Samuel Xylophonist"
    page = ines.get(reverse("admin:notifications_notice_change", args=[notice.pk])).content.decode()
    assert "sam@home.example" in page


def test_the_link_that_an_alert_carries_stays_hidden(db, ines, held):
    notice = Notice.objects.first()
    notice.parameters = {
        "event": "registered",
        "not_me_url": "https://portal.example/not-me/secret/",
        "ip": "192.0.2.7",
    }
    notice.save()
    page = ines.get(reverse("admin:notifications_notice_change", args=[notice.pk])).content.decode()
    assert "192.0.2.7" in page
    assert "secret" not in page


def test_the_trace_reads_nothing_sealed_from_the_database(held, ines, django_assert_num_queries):
    from django.db import connection  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    with CaptureQueriesContext(connection) as queries:
        ines.get(reverse("admin:messages_app_message_change", args=[held.pk]))
        ines.get(reverse("admin:messages_app_message_changelist"))
    assert not [query for query in queries if "sealed_" in query["sql"] or "key_commitment" in query["sql"]]


def test_the_trace_names_keys_and_shows_none(held, ines):
    page = ines.get(reverse("admin:messages_app_message_change", args=[held.pk])).content.decode()
    wrap = KeyWrap.objects.get(type="bucket")
    assert wrap.key_id in page
    assert bytes(wrap.sealed_key).hex() not in page
    assert "The content is sealed" in page


def test_the_trace_tells_what_happened_with_its_evidence(held, ines):
    page = ines.get(reverse("admin:messages_app_message_change", args=[held.pk])).content.decode()
    for words in (
        "198.51.100.7",  # the client
        "TLS_AES_256_GCM_SHA384",
        "mx1.partner.example presented a self-signed certificate",
        "192.0.2.25, port 25",
        "offered",
        "ab" * 32,
        "self-signed certificate (OpenSSL error 18)",
        "certificate-not-trusted",
        "a message is waiting (to the recipient)",
        "your message was held (to the sender)",
        "smtpd:message:accepted",
        "hold:recipient:held",
    ):
        assert words in page, words
    assert page.index("smtpd:message:accepted") < page.index("hold:recipient:held")


def test_what_a_strange_server_says_is_text(held, ines):
    attempt = Attempt.objects.get()
    attempt.evidence = [{"mx_host": "<script>alert(1)</script>", "smtp_text": "<img src=x>", "class": "odd"}, "no dict"]
    attempt.save()
    for url in (
        reverse("admin:messages_app_message_change", args=[held.pk]),
        reverse("admin:messages_app_attempt_change", args=[attempt.pk]),
    ):
        page = ines.get(url).content.decode()
        assert "&lt;script&gt;" in page
        assert "<img src=x>" not in page


def test_a_shredded_message_has_a_trace_all_the_same(held, ines):
    Message.objects.update(shredded_at=held.accepted_at)
    page = ines.get(reverse("admin:messages_app_message_change", args=[held.pk])).content.decode()
    assert "was shredded at" in page


@pytest.mark.parametrize("pk", ["00000000-0000-7000-8000-000000000000", "nonsense"])
def test_a_message_that_is_not_there_leads_back_to_the_overview(db, ines, pk):
    response = ines.get(reverse("admin:messages_app_message_change", args=[pk]))
    assert (response.status_code, response["Location"]) == (302, "/staff/")
