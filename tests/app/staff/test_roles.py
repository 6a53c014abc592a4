"""Who may open which page: every page of the admin, for every kind of visitor."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from messages_app.models import Recipient
from portal.accounts.models import User
from tests.app.staff.conftest import MODELS, make_staff, permissions, signed_in

# Rows that the pipeline writes; the rest is what staff decide.
DECIDED = {
    "gateway_apppassword",
    "gateway_relay",
    "gateway_domainpolicy",
    "gateway_trustedcertificate",
    "messages_app_delegation",
}
# Staff may end these, and never make them.
ENDED = {"messages_app_delegation"}
WRITTEN = sorted(MODELS.keys() - DECIDED)
PAGES = ("changelist", "add", "change", "delete", "history")
LOOKS = {"changelist": 200, "add": 403, "change": 200, "delete": 403, "history": 200}


def url(name: str, page: str, rows) -> str:
    return reverse(f"admin:{name}_{page}", args=[rows[name].pk] if page in {"change", "delete", "history"} else [])


def test_every_model_of_mail_has_a_page():
    assert {
        "messages_app_message",
        "messages_app_recipient",
        "messages_app_attempt",
        "messages_app_auditevent",
        "messages_app_auditlink",
        "messages_app_audithead",
        "messages_app_bucketkey",
        "notifications_notice",
        "gateway_domainhistory",
        "gateway_publishedpolicy",
    } | DECIDED == MODELS.keys()


def statuses(client: Client, name: str, rows) -> dict[str, int]:
    return {page: client.get(url(name, page, rows)).status_code for page in PAGES}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_who_is_not_signed_in_is_led_to_sign_in(everything, name):
    assert statuses(Client(), name, everything) == dict.fromkeys(PAGES, 302)
    assert "/staff/login/" in Client().get(url(name, "changelist", everything))["Location"]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_for_who_is_not_staff_no_page_exists(everything, name):
    rita = User.objects.create_user("rita@partner.example", "four quiet herons wade")
    assert statuses(signed_in(rita), name, everything) == dict.fromkeys(PAGES, 404)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_staff_without_a_permission_see_nothing(everything, name):
    otto = signed_in(make_staff("otto@home.example"))
    assert statuses(otto, name, everything) == dict.fromkeys(PAGES, 403)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_who_may_view_looks_and_no_more(everything, ada, name):
    assert statuses(ada, name, everything) == LOOKS


@pytest.mark.parametrize("name", sorted(MODELS))
def test_an_administrator_decides_what_staff_decide_and_writes_nothing_else(everything, ines, name):
    decided = dict.fromkeys(PAGES, 200) | ({"add": 403} if name in ENDED else {})
    assert statuses(ines, name, everything) == (decided if name in DECIDED else LOOKS)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_the_pipeline_wrote_cannot_be_posted_to(everything, ines, name):
    row = everything[name]
    data = {"post": "yes", "state": "delivered", "reason_text": "x"}
    for page in ("add", "change", "delete"):
        assert ines.post(url(name, page, everything), data).status_code in {403, 405}
    assert type(row).objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("name", WRITTEN)
def test_a_selection_of_what_the_pipeline_wrote_cannot_be_deleted(everything, ines, name):
    row = everything[name]
    data = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    ines.post(url(name, "changelist", everything), data)
    assert type(row).objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("name", sorted(DECIDED))
def test_who_may_view_a_decision_cannot_change_it(everything, ada, name):
    assert ada.post(url(name, "change", everything), {"name": "x"}).status_code == 403


def test_only_who_may_touch_the_queue_is_offered_to(everything, ada):
    page = reverse("admin:messages_app_recipient_changelist")
    assert "Try now" not in ada.get(page).content.decode()
    operator = make_staff("omar@home.example")
    operator.user_permissions.set(permissions("view_recipient", "change_recipient"))
    assert "Try now" in signed_in(operator).get(page).content.decode()
    change = reverse("admin:messages_app_recipient_change", args=[Recipient.objects.get().pk])
    assert signed_in(operator).post(change, {"state": "delivered"}).status_code == 403


def test_nothing_that_opens_a_message_is_registered():
    registered = {model._meta.label for model in admin.site._registry}
    assert not registered & {"messages_app.Part", "messages_app.KeyWrap", "notifications.Invitation"}
