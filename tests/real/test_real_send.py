"""`radkit.net.send` to real receivers: DCMTK's storescp and Orthanc, programs of 2022.

They do not know HTJ2K, so objects reach them as JPEG 2000 or plain.
"""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from programs import free_port, needs, run, started
from servers import Orthanc

import radkit
from radkit import net
from radkit.testing import sample

pytest.importorskip("pynetdicom")
NAMES = ("ct", "mr_implicit", "us_rgb", "mr_j2k", "mr_rle")


def same_pictures(found: list[Path] | list[bytes]) -> None:
    """All of the samples came, each sample as it was."""
    made = {radkit.decode(one).tobytes() for one in found}
    assert made == {radkit.decode(sample(name)).tobytes() for name in NAMES}


@needs("storescp")
@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["+xa"], "jpeg2000-lossless"),  # all that it knows
        (["+xv"], "jpeg2000-lossless"),
        (["+x="], "explicit-le"),  # uncompressed ones
        (["+xi"], "implicit-le"),
        (["+xs"], "jpeg-lossless"),
        (["+xt"], "jpegls-lossless"),
    ],
)
def test_storescp_gets_what_it_knows(words: list[str], wanted: str, tmp_path: Path) -> None:
    port = free_port()
    got = tmp_path / "got"
    got.mkdir()
    with started(
        "storescp",
        *words,
        "-od",
        got,
        "-aet",
        "STORE",
        str(port),
        ports=[port],
        log=tmp_path / "log",
    ):
        report = net.send([sample(name) for name in NAMES], f"STORE@127.0.0.1:{port}")
    assert not report.failed, [str(error) for _, error in report.failed]
    files = sorted(got.iterdir())
    same_pictures(files)
    syntaxes = {radkit.inspect(path).syntax.name for path in files}
    assert wanted in syntaxes and not any(name.startswith("htj2k") for name in syntaxes)


@pytest.fixture
def store(orthanc: Orthanc) -> Orthanc:
    """Orthanc, emptied."""
    for one in json.loads(ask(orthanc, "/instances")):
        ask(orthanc, f"/instances/{one}", method="DELETE")
    return orthanc


def ask(orthanc: Orthanc, path: str, method: str = "GET") -> bytes:
    request = urllib.request.Request(f"{orthanc.http}{path}", method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return bytes(answer.read())


def kept(orthanc: Orthanc) -> list[bytes]:
    listed: list[Any] = json.loads(ask(orthanc, "/instances"))
    return [ask(orthanc, f"/instances/{one}/file") for one in listed]


def test_orthanc_takes_objects_by_association(store: Orthanc) -> None:
    report = net.send([sample(name) for name in NAMES], f"{store.aet}@127.0.0.1:{store.dicom}")
    assert not report.failed, [str(error) for _, error in report.failed]
    same_pictures(kept(store))
    assert {one.syntax.name for one in report.sent} >= {"jpeg2000-lossless"}


def test_orthanc_takes_objects_over_the_web(store: Orthanc) -> None:
    pytest.importorskip("dicomweb_client")
    report = net.send([sample(name) for name in NAMES], f"{store.http}/dicom-web/studies")
    assert not report.failed, [str(error) for _, error in report.failed]
    same_pictures(kept(store))


def test_service_that_is_not_there(store: Orthanc) -> None:
    pytest.importorskip("dicomweb_client")
    report = net.send([sample("mr")], "http://127.0.0.1:9/dicom-web", retries=0)
    assert "no answer" in str(report.failed[0][1])


@needs("storescu", "storescp")
def test_gateway_between_storescu_and_storescp(tmp_path: Path) -> None:
    """From a program of 2022 through the gateway to another one, as JPEG 2000 between."""
    out, got = free_port(), tmp_path / "got"
    got.mkdir()
    with (
        started("storescp", "+xa", "-od", got, "-aet", "STORE", str(out), ports=[out],
                log=tmp_path / "log"),
        net.Gateway(net.Listen(aet="GATE", port=0), [net.Route(to=f"STORE@127.0.0.1:{out}")],
                    spool=tmp_path / "spool", reserve_bytes=0) as gate,
    ):  # fmt: skip
        for word, names in (("-xe", ("ct", "us_rgb", "mr_implicit")), ("-xv", ("mr_j2k",))):
            files = [str(sample(name)) for name in names]
            run("storescu", word, "-aec", "GATE", "127.0.0.1", str(gate.port), *files)
        run("storescu", "-xr", "-aec", "GATE", "127.0.0.1", str(gate.port), str(sample("mr_rle")))
        deadline = time.monotonic() + 60
        while list((tmp_path / "spool" / "received").iterdir()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    same_pictures(sorted(got.iterdir()))
    assert {radkit.inspect(path).syntax.name for path in got.iterdir()} >= {"jpeg2000-lossless"}
