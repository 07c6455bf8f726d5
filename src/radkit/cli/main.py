"""The group of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from radkit.cli.bench import bench
from radkit.cli.common import complain, exit_code, versions
from radkit.cli.gateway import gateway
from radkit.cli.inspect import inspect
from radkit.cli.preview import preview
from radkit.cli.reformat import reformat
from radkit.cli.send import send
from radkit.cli.transcode import transcode
from radkit.errors import RadkitError

__all__ = ["cli", "main"]


def _show_versions(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        for name, version in versions():
            click.echo(f"{name} {version}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_versions,
    help="Print the versions of radkit and of the codecs that are not its own.",
)
def cli() -> None:
    """Exact decoding and proven transcoding of DICOM pixel data."""


for command in (inspect, transcode, preview, reformat, send, gateway, bench):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.
    """
    try:
        result = cli.main(
            args=None if arguments is None else list(arguments),
            prog_name="radkit",
            standalone_mode=False,
        )
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        complain("interrupted; it is safe to run again")
        return 130
    except click.ClickException as wrong:
        wrong.show()
        return 2
    except RadkitError as error:
        complain(str(error), error)
        return exit_code(error)
    except (BrokenPipeError, SystemExit):
        # The reader of stdout has gone (click turns that, and only that, into SystemExit
        # here): no fault of any object.
        _discard_stdout()
        return 0
    except OSError as error:  # what objects and files do wrong is typed: this is stdout itself
        _discard_stdout()
        complain(f"cannot write results: {error.strerror or type(error).__name__}")
        return 5
    return result if isinstance(result, int) else 0


def _discard_stdout() -> None:
    """Let nothing be written, and fail once more, at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
