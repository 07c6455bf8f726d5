"""radkit gateway: a service that receives, keeps, transcodes and forwards."""

from __future__ import annotations

import signal
import ssl
import threading
import tomllib
from pathlib import Path
from typing import Any

import click

from radkit.cli.common import common_options
from radkit.errors import OptionError, TransferError

__all__ = ["gateway"]

LISTEN = (
    "aet", "host", "port", "titles", "addresses", "urgent",
    "max_associations", "max_object_bytes", "timeout_s",
)  # fmt: skip
WEB = (
    "host", "port", "addresses", "urgent", "max_connections",
    "max_request_bytes", "max_object_bytes", "timeout_s",
)  # fmt: skip


@click.command()
@click.option("--config", required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--check", is_flag=True, help="Read the configuration, say what is wrong, and end.")
@common_options
def gateway(config: str, check: bool, threads: int | None, quiet: bool) -> int:
    """Receive objects by C-STORE and STOW-RS, keep them on disk, and forward them.

    The configuration is TOML; see docs/network.md. Ends at SIGTERM or Ctrl-C, after the
    object in hand; what is left goes out at the next start.
    """
    from radkit import net

    listen, web, routes, spool, reserve = _read(Path(config))
    if check:
        click.echo(
            f"{listen.aet} at {listen.host}:{listen.port}"
            + (f" and http at {web.host}:{web.port}" if web is not None else "")
            + " -> "
            + ", ".join(str(route.to) for route in routes)
        )
        return 0
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    service = net.Gateway(listen, routes, spool=spool, web=web, reserve_bytes=reserve)
    with service:
        if not quiet:
            click.echo(f"listening at {listen.host}:{service.port}", err=True)
            if web is not None:
                click.echo(f"listening at {web.host}:{service.web_port} (STOW-RS)", err=True)
        ended.wait()
    return 0


def _read(path: Path) -> tuple[Any, Any, list[Any], Path, int]:
    """Return what a configuration says.

    Raises
    ------
    OptionError
        It is no TOML, lacks something, or holds what nobody knows.
    """
    try:
        made = tomllib.loads(path.read_text())
    except (ValueError, OSError) as error:
        raise OptionError(f"the configuration cannot be read: {error}") from None
    try:
        return _of(made, path.parent)
    except (KeyError, TypeError, AttributeError) as error:
        raise OptionError(f"the configuration lacks or misuses {error}") from None


def _of(made: dict[str, Any], base: Path) -> tuple[Any, Any, list[Any], Path, int]:
    from radkit import net

    _known(made, ("listen", "web", "route", "spool"), "the top")
    listen, spool = dict(made["listen"]), dict(made["spool"])
    tls = _server_tls(listen.pop("tls", None), base)
    rule = _rule(listen.pop("urgent_if", []))
    _known(listen, LISTEN, "[listen]")
    _known(spool, ("folder", "reserve_bytes"), "[spool]")
    words: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in listen.items()}
    routes = []
    for entry in made["route"]:
        _known(entry, ("to", "syntax", "commit", "rate_kbit_s"), "[[route]]")
        to = entry["to"]
        web = to.startswith(("http://", "https://"))
        more = {name: entry[name] for name in ("syntax", "commit", "rate_kbit_s") if name in entry}
        routes.append(net.Route(to=to if web else net.Peer.parse(to), **more))
    folder = base / spool["folder"]
    return (
        net.Listen(tls=tls, urgent_if=rule, **words),
        _web(made.get("web"), base),
        routes,
        folder,
        int(spool.get("reserve_bytes", 1 << 30)),
    )


def _web(entry: dict[str, Any] | None, base: Path) -> Any:
    """Return where objects are received by STOW-RS; None: nowhere."""
    from radkit import net

    if entry is None:
        return None
    given = dict(entry)
    tls = _server_tls(given.pop("tls", None), base)
    rule = _rule(given.pop("urgent_if", []))
    token = _secret(given, "token_file", base)
    login = _secret(given, "login_file", base)
    _known(given, WEB, "[web]")
    words: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    if login is not None:
        words["login"] = tuple(login.split(":", 1))
    return net.WebListen(tls=tls, urgent_if=rule, token=token, **words)


def _rule(cases: list[dict[str, str]]) -> Any:
    """Return the rule of an ``urgent_if``; None: there is none."""
    from radkit import net

    return net.Rule(tuple(dict(case) for case in cases)) if cases else None


def _secret(entry: dict[str, Any], name: str, base: Path) -> str | None:
    """Take out of an entry what the file that it names holds; the secret is not in the entry."""
    path = entry.pop(name, None)
    if path is None:
        return None
    try:
        return Path(base / path).read_text().strip()
    except (OSError, ValueError) as error:
        raise OptionError(f"{name} cannot be read: {type(error).__name__}") from None


def _known(entry: dict[str, Any], names: tuple[str, ...], where: str) -> None:
    strange = sorted(set(entry) - set(names))
    if strange:
        raise OptionError(f"{where} of the configuration: unknown {', '.join(strange)}")


def _server_tls(entry: dict[str, str] | None, base: Path) -> ssl.SSLContext | None:
    """Return the context of ``listen.tls``: cert, key, and ca if senders must show one."""
    if entry is None:
        return None
    _known(entry, ("cert", "key", "ca"), "listen.tls")
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(base / entry["cert"], base / entry["key"])
        if "ca" in entry:
            context.load_verify_locations(base / entry["ca"])
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise TransferError(f"TLS: {error.strerror or error}") from error
    return context
