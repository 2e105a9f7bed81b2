"""The WSGI entry point: `gunicorn wsgi:application`, and what the `flask` command finds."""

from app.factory import create_app

application = create_app()
