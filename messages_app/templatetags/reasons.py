"""Why a copy is kept here or came back, as the pages write it."""

from django import template

from messages_app import reasons

register = template.Library()
register.filter("plain_reason", reasons.plain)
register.filter("evidence", reasons.evidence)
register.simple_tag(reasons.evidence_label, name="evidence_label")
