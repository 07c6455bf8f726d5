"""radkit send: objects to a DICOM or DICOMweb receiver."""

from __future__ import annotations

from typing import Any

import click

from radkit.cli.common import common_options, progress_bar, tell_each
from radkit.errors import OptionError, TransferError

__all__ = ["send"]


@click.command()
@click.argument("sources", nargs=-1)
@click.option("--to", required=True, metavar="AET@HOST:PORT|URL", help="The receiver.")
@click.option("-s", "--syntax", help="Transfer syntax to prefer, by name or UID.")
@click.option("--calling", default="RADKIT", show_default=True, help="AE title to present.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds to wait for an answer.")
@click.option("--retries", default=5, show_default=True, help="Tries after the first.")
@click.option("--rate", "rate_kbit_s", type=float, help="Send no faster than so many kbit/s.")
@click.option("--commit", is_flag=True, help="Count as sent only what the receiver says it keeps.")
@click.option("--spool", type=click.Path(file_okay=False), help="Keep what fails for a later run.")
@click.option("--tls", is_flag=True, help="Speak TLS, with the authorities of the system.")
@click.option("--tls-ca", type=click.Path(exists=True), help="TLS: authorities to trust, PEM.")
@click.option("--tls-cert", type=click.Path(exists=True), help="TLS: own certificate, PEM.")
@click.option("--tls-key", type=click.Path(exists=True), help="TLS: its key, PEM.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@common_options
def send(
    sources: tuple[str, ...],
    to: str,
    syntax: str | None,
    calling: str,
    timeout: float,
    retries: int,
    rate_kbit_s: float | None,
    commit: bool,
    spool: str | None,
    as_json: bool,
    threads: int | None,
    quiet: bool,
    **tls: Any,
) -> int:
    """Send SOURCES (files, folders) by C-STORE, or by STOW-RS to a URL.

    Each object goes in the best transfer syntax that the receiver takes: compressed
    ones as they are, others as lossless HTJ2K, JPEG 2000, JPEG-LS or JPEG Lossless,
    else uncompressed. With --spool SOURCES may be none: what waits there is sent.
    """
    from radkit import net
    from radkit.net.results import entry

    receiver: Any = to
    if not to.startswith(("http://", "https://")):
        receiver = _peer(to, calling, timeout, **tls)
    with progress_bar("sending", quiet=quiet) as progress:
        report = net.send(
            sources[0] if len(sources) == 1 else list(sources),
            receiver,
            syntax=syntax,
            rate_kbit_s=rate_kbit_s,
            retries=retries,
            commit=commit,
            spool=spool,
            progress=progress,
        )
    code = tell_each(report, entry if as_json else None)
    click.echo(str(report), err=as_json)
    return code


def _peer(to: str, calling: str, timeout: float, **tls: Any) -> Any:
    import dataclasses

    from radkit import net

    context = _context(**tls)
    try:
        return dataclasses.replace(
            net.Peer.parse(to), calling=calling, timeout_s=timeout, tls=context
        )
    except OptionError as error:
        raise click.UsageError(str(error)) from None


def _context(tls: bool, tls_ca: str | None, tls_cert: str | None, tls_key: str | None) -> Any:
    """Return what --tls... ask for; None for a plain connection."""
    import ssl

    if not (tls or tls_ca or tls_cert or tls_key):
        return None
    try:
        context = ssl.create_default_context(cafile=tls_ca)
        if tls_cert:
            context.load_cert_chain(tls_cert, tls_key)
    except (OSError, ssl.SSLError) as error:
        raise TransferError(f"TLS: {error.strerror or error}") from error
    return context
