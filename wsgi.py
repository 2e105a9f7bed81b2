"""The WSGI entry point: `gunicorn wsgi:application`, and what the `flask` command finds."""

from app.factory import serve_app

application = serve_app()
