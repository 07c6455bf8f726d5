"""Objects of radkit in Orthanc, a store that many use: kept, and served over DICOMweb."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from programs import free_port
from servers import Orthanc

import radkit
from radkit.codecs.frame import FrameSpec
from radkit.codecs.registry import decode_frame
from radkit.testing import sample

SYNTAXES = (
    "implicit-le", "explicit-le", "rle", "jpeg-lossless", "jpegls-lossless", "jpeg2000-lossless",
    "htj2k-lossless", "htj2k-lossless-rpcl",
)  # fmt: skip


def call(url: str, data: bytes | None = None) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=60) as answer:
        return bytes(answer.read())


def upload(orthanc: Orthanc, path: Path) -> str:
    told: dict[str, Any] = json.loads(call(f"{orthanc.http}/instances", path.read_bytes()))
    assert told["Status"] in ("Success", "AlreadyStored"), told
    return str(told["ID"])


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("name", ["ct", "mr_implicit", "us_rgb", "mr_overlay"])
def test_orthanc_keeps_what_it_is_given(
    orthanc: Orthanc, name: str, syntax: str, tmp_path: Path
) -> None:
    path = tmp_path / "object.dcm"
    radkit.transcode(sample(name), path, syntax)
    back = call(f"{orthanc.http}/instances/{upload(orthanc, path)}/file")
    assert back == path.read_bytes()
    assert np.array_equal(radkit.decode(back), radkit.decode(sample(name)))


@pytest.mark.parametrize(
    ("syntax", "coding"),
    [("explicit-le", None), ("jpeg2000-lossless", "jpeg2000"), ("jpeg-lossless", "jpeg-lossless")],
)
def test_frames_over_dicomweb_are_the_stored_ones(
    orthanc: Orthanc, syntax: str, coding: str | None, tmp_path: Path
) -> None:
    client = pytest.importorskip("dicomweb_client").DICOMwebClient(f"{orthanc.http}/dicom-web")
    path = tmp_path / "object.dcm"
    radkit.transcode(sample("mr"), path, syntax)
    upload(orthanc, path)
    ds = pydicom.dcmread(path)
    uids = (ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID)
    media = [("application/octet-stream", ds.file_meta.TransferSyntaxUID)]
    if coding:
        media = [("image/jp2" if coding == "jpeg2000" else "image/jpeg", media[0][1])]
    (frame,) = client.retrieve_instance_frames(*uids, frame_numbers=[1], media_types=tuple(media))
    wanted = radkit.decode(sample("mr"))
    if coding is None:
        found = np.frombuffer(frame, wanted.dtype).reshape(wanted.shape)
    else:
        spec = FrameSpec(
            rows=ds.Rows,
            cols=ds.Columns,
            samples=1,
            bits_allocated=16,
            bits_stored=ds.BitsStored,
            signed=bool(ds.PixelRepresentation),
            photometric="MONOCHROME2",
        )
        found = decode_frame(coding, frame.rstrip(b"\0"), spec).array.view(wanted.dtype)
    assert np.array_equal(found, wanted)


def test_orthanc_draws_what_radkit_coded(orthanc: Orthanc, tmp_path: Path) -> None:
    """Its own decoder, DCMTK's, sees the same picture in every syntax it knows."""
    pictures = []
    for syntax in ("explicit-le", "jpegls-lossless", "jpeg-lossless", "rle"):
        path = tmp_path / f"{syntax}.dcm"
        radkit.transcode(sample("mr"), path, syntax)
        url = f"{orthanc.http}/instances/{upload(orthanc, path)}"
        pictures.append(call(f"{url}/preview"))
    assert len(set(pictures)) == 1 and pictures[0].startswith(b"\x89PNG")


def test_orthanc_commits_itself_to_keep_objects(orthanc: Orthanc, tmp_path: Path) -> None:
    """It answers over an association of its own, to where the gateway listens."""
    net = radkit.net
    pytest.importorskip("pynetdicom")
    port = free_port()
    gate = {"AET": "GATE", "Host": "127.0.0.1", "Port": port, "AllowStorageCommitment": True}
    request = urllib.request.Request(
        f"{orthanc.http}/modalities/gate", data=json.dumps(gate).encode(), method="PUT"
    )
    urllib.request.urlopen(request, timeout=60).close()
    peer = net.Peer(aet=orthanc.aet, host="127.0.0.1", port=orthanc.dicom, calling="GATE")
    with net.Gateway(
        net.Listen(aet="GATE", port=port),
        [net.Route(to=peer, commit=True)],
        spool=tmp_path,
        reserve_bytes=0,
    ):
        to = net.Peer(aet="GATE", host="127.0.0.1", port=port)
        assert len(net.send([sample("ct"), sample("mr")], to).sent) == 2
        end = time.monotonic() + 60
        while list((tmp_path / "received").iterdir()):
            assert time.monotonic() < end, "it was not committed"
            time.sleep(0.1)
    records = [json.loads(path.read_text()) for path in (tmp_path / "sent").glob("*.json")]
    assert len(records) == 2
    assert all(record["to"][str(peer)]["committed"] for record in records)


def test_client_stores_finds_and_fetches(orthanc: Orthanc, tmp_path: Path) -> None:
    pytest.importorskip("dicomweb_client")
    client = radkit.net.web.Client(f"{orthanc.http}/dicom-web", timeout_s=60)
    coded = tmp_path / "ct.dcm"
    radkit.transcode(sample("ct"), coded, "jpeg2000-lossless")
    assert len(client.store([coded, sample("mr")]).sent) == 2
    wanted = pydicom.dcmread(coded)
    study, series = str(wanted.StudyInstanceUID), str(wanted.SeriesInstanceUID)
    (found,) = client.search(StudyInstanceUID=study)
    assert found.StudyInstanceUID == study
    (found,) = client.search("series", study=study)
    assert found.SeriesInstanceUID == series
    (found,) = client.search("instances", study=study, series=series)
    instance = str(found.SOPInstanceUID)
    for place in ((study,), (study, series), (study, series, instance)):
        (back,) = client.retrieve(*place)
        assert back.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.90"
        assert np.array_equal(radkit.decode(back), radkit.decode(sample("ct")))
    (frame,) = client.frames(study, series, instance)
    assert bytes(frame).rstrip(b"\0").startswith(b"\xff\x4f\xff\x51")
    with pytest.raises(radkit.errors.TransferError, match="HTTP 404") as caught:
        list(client.retrieve("1.2.3.4"))
    assert not caught.value.retryable
