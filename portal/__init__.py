"""The Django project: wiring, and the only package that may import all others."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
