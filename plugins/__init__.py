"""The bundled plugins, one package each; found by entry point, never imported by the core."""
