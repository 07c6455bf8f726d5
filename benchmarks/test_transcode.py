"""JPEG 2000 and HTJ2K into each other by code-blocks, against decoding and encoding."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import data, rivals
from benchmarks.harness import Side
from benchmarks.test_files import HTJ2K

J2K = "1.2.840.10008.1.2.4.90"


@pytest.mark.parametrize("row", ["transcode-j2k-htj2k-ct", "transcode-htj2k-j2k-ct"])
def test_transcode_codestream(versus, row):
    from radkit.codecs import jpeg2000

    before, after = row.split("-")[1:3]
    frames, streams, bits = data.frames("ct"), data.stream(before, "ct"), data.bits_of("ct")
    goal = {"j2k": "jpeg2000", "htj2k": "htj2k"}[after]
    decoder, version = rivals.peer_for(f"{before}-decode")
    encoder = rivals.peer_for(f"{after}-encode")[0].split()[1]

    def decoded_and_encoded(coded, frame):
        return rivals.encode(after, rivals.decode(before, coded, frame), bits)

    def both_decode_to_the_frames(theirs, ours):
        for coded, frame in zip([*theirs, *ours], [*frames, *frames], strict=True):
            assert jpeg2000.info(coded).coding == goal
            assert np.array_equal(rivals.decode(after, coded, frame), frame)

    own = Side(
        name="radkit",
        call=lambda coded: jpeg2000.transcode(coded, goal),
        items=[(coded,) for coded in streams],
    )
    ours = own.results()
    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(
            name=f"{decoder}, {encoder}",
            version=version,
            call=decoded_and_encoded,
            items=list(zip(streams, frames, strict=True)),
        ),
        own=own,
        frames=len(frames),
        bytes_in=sum(map(len, streams)) // len(streams),
        bytes_out=sum(map(len, ours)) // len(ours),
        check=both_decode_to_the_frames,
    )


def j2k_files():
    """Return paths of the CT objects in JPEG 2000 Lossless."""
    import pydicom
    from pydicom.encaps import encapsulate

    paths = []
    for i, (path, coded) in enumerate(zip(data.ct_files(), data.stream("j2k", "ct"), strict=True)):
        dataset = pydicom.dcmread(path)
        dataset.PixelData = encapsulate([coded])
        dataset["PixelData"].is_undefined_length = True
        dataset["PixelData"].VR = "OB"
        dataset.file_meta.TransferSyntaxUID = J2K
        paths.append(data.work_dir() / f"ct{i}-j2k.dcm")
        dataset.save_as(paths[-1])
    return paths


def by_hand(path, dest):
    """Do what a user of pydicom and imagecodecs writes."""
    import imagecodecs
    import pydicom
    from pydicom.encaps import encapsulate, get_frame

    dataset = pydicom.dcmread(path)
    frame = imagecodecs.jpeg2k_decode(get_frame(dataset.PixelData, 0, number_of_frames=1))
    coded = bytes(imagecodecs.htj2k_encode(frame, reversible=True, resolutions=5))
    dataset.PixelData = encapsulate([coded])
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = HTJ2K
    dataset.save_as(dest)
    return dest


@pytest.mark.parametrize("row", ["transcode-file-j2k-htj2k", "transcode-file-j2k-htj2k-verified"])
def test_transcode_file(versus, row):
    import radkit

    verified = row.endswith("-verified")
    paths, folder, frames = j2k_files(), data.work_dir(), data.frames("ct")

    def own_call(path, dest):
        done = radkit.transcode(path, dest, "htj2k-lossless", verify=verified, threads=1)
        assert done.way == "blocks"
        return dest

    def both_hold_the_frames(theirs, ours):
        for path, frame in zip([*theirs, *ours], [*frames, *frames], strict=True):
            assert radkit.inspect(path).syntax.uid == HTJ2K
            assert np.array_equal(radkit.decode(path), frame)

    def to_files(prefix, call):
        dests = [folder / f"{prefix}{i}.dcm" for i in range(len(paths))]
        return {"call": call, "items": list(zip(paths, dests, strict=True))}

    own = Side(name="radkit", **to_files("blocks", own_call))
    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(
            name="pydicom with imagecodecs, by hand",
            version=rivals.version("pydicom"),
            **to_files("hand", by_hand),
        ),
        own=own,
        frames=len(paths),
        bytes_in=paths[0].stat().st_size,
        bytes_out=sum(path.stat().st_size for path in own.results()) // len(paths),
        check=both_hold_the_frames,
    )
