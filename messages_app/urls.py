"""The pickup pages: inbox, message, body, attachments, reply, sent and help."""

from django.urls import path

from messages_app.views import (
    attachment,
    delegates,
    drafts,
    inbox,
    message,
    pages,
    preferences,
    preview,
    reply,
    sent,
    signed_body,
)
from messages_app.views.access import received, written

RECEIVED = {"find": received}
WRITTEN = {"find": written}

urlpatterns = [
    path("", pages.home, name="home"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("messages/<uuid:pk>/", message.message, name="message"),
    path("messages/<uuid:pk>/extension/", message.ask_extension, name="message_extension"),
    path("messages/<uuid:pk>/delete/", message.delete, name="message_delete"),
    path("messages/<uuid:pk>/unread/", message.mark_unread, name="message_unread"),
    path("messages/<uuid:pk>/body/", message.body_document, name="message_body"),
    path("messages/<uuid:pk>/parts/<int:number>/", attachment.part, RECEIVED, name="message_part"),
    path("messages/<uuid:pk>/parts/<int:number>/links/<int:position>/", message.link, RECEIVED, name="message_link"),
    path("messages/<uuid:pk>/parts/<int:number>/preview/", preview.preview, RECEIVED, name="message_preview"),
    path("messages/<uuid:pk>/parts/<int:number>/picture/", preview.picture, RECEIVED, name="message_picture"),
    path("messages/<uuid:pk>/attachments.zip", attachment.archive, RECEIVED, name="message_zip"),
    path("messages/<uuid:pk>/original/", attachment.original, RECEIVED, name="message_original"),
    path("messages/<uuid:pk>/reply/", reply.reply, {"reply_all": False}, name="message_reply"),
    path("messages/<uuid:pk>/reply-all/", reply.reply, {"reply_all": True}, name="message_reply_all"),
    path("bodies/<str:token>/", signed_body.signed_body, name="signed_body"),
    path("images/<str:token>/", attachment.image, name="message_image"),
    path("sent/", sent.sent, name="sent"),
    path("sent/<uuid:pk>/", sent.sent_message, name="sent"),
    path("sent/<uuid:pk>/parts/<int:number>/", attachment.part, WRITTEN, name="sent_part"),
    path("sent/<uuid:pk>/parts/<int:number>/links/<int:position>/", message.link, WRITTEN, name="sent_link"),
    path("sent/<uuid:pk>/parts/<int:number>/preview/", preview.preview, WRITTEN, name="sent_preview"),
    path("sent/<uuid:pk>/parts/<int:number>/picture/", preview.picture, WRITTEN, name="sent_picture"),
    path("sent/<uuid:pk>/attachments.zip", attachment.archive, WRITTEN, name="sent_zip"),
    path("sent/<uuid:pk>/original/", attachment.original, WRITTEN, name="sent_original"),
    path("sent/<uuid:pk>/undo/", sent.take_back, name="sent_undo"),
    path("drafts/", drafts.drafts, name="drafts"),
    path("drafts/<uuid:pk>/delete/", drafts.delete, name="draft_delete"),
    path("delegates/", delegates.delegates, name="delegates"),
    path("delegates/invite/", delegates.invite, name="delegate_invite"),
    path("delegates/<uuid:pk>/accept/", delegates.accept, name="delegate_accept"),
    path("delegates/<uuid:pk>/end/", delegates.end, name="delegate_end"),
    path("preferences/", preferences.preferences, name="preferences"),
    path("help/", pages.page("help"), name="help"),
    path("help/why/", pages.page("why"), name="help_why"),
    path("help/protection/", pages.page("protection"), name="help_protection"),
    path("privacy/", pages.page("privacy"), name="privacy"),
]
