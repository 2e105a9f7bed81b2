"""The Flask extensions, made bare here and bound to an application in the factory."""

from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy(session_options={"expire_on_commit": False})
