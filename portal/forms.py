"""How forms are drawn: with the portal's own field templates."""

from django.forms.renderers import TemplatesSetting


class PortalFormRenderer(TemplatesSetting):
    """Find form templates through the TEMPLATES setting."""
