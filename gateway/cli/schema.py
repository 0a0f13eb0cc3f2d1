"""`sallyport schema`: the JSON Schema of config.yaml, for editors. Lives only here: the printing of it."""

from gateway.cli import voice


def schema() -> None:
    """Print the JSON Schema of config.yaml."""
    from gateway.config.publish import published

    voice.as_json(published())
