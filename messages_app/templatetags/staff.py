"""How the staff's own templates write states and times: as the lists do."""

from django import template

from messages_app.admin import attempts, display

register = template.Library()
register.filter("state", display.state)
register.filter("moment", display.moment)
register.filter("outcome", attempts.outcome)


@register.filter
def hosts_word(hosts: list[object]) -> str:
    """Return how many servers were tried, in words."""
    return "1 server tried" if len(hosts) == 1 else f"{len(hosts)} servers tried"
