"""`python -m gateway` and `sallyport`: the way in. Lives only here: the name of the program."""


def main() -> None:
    """Runs the command line and exits with its code."""
    from gateway.cli.main import app

    app(prog_name="sallyport")


if __name__ == "__main__":
    main()
