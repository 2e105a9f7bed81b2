"""E-mail: messages, their letters, the way to the mail server."""
