"""The command line.  Each command imports what it needs, calls one function and prints; nothing is computed here.

Exit codes: 0 done, 2 the user's mistake (one line on stderr), 3 a --strict check found a problem, 1 our crash.
"""

import sys

import typer

from mien.errors import MienError

app = typer.Typer(
    name="mien",
    help="Read apparent facial expressions from pictures; train, measure and compare the models that do it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line; a user's mistake becomes one line on stderr and exit code 2."""
    try:
        app()
    except MienError as error:
        print(f"mien: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
