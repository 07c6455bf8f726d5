"""Files: splicing a codestream in, reading headers, and whole transcodings from path to path."""

from __future__ import annotations

import functools
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks import data, rivals
from benchmarks.harness import Side
from radkit.dicom import plain
from radkit.dicom.uids import syntax

HTJ2K = "1.2.840.10008.1.2.4.201"
NUMBERS = {  # attribute: how many values of it
    "Rows": 1,
    "Columns": 1,
    "BitsAllocated": 1,
    "BitsStored": 1,
    "HighBit": 1,
    "PixelRepresentation": 1,
    "SamplesPerPixel": 1,
    "PixelSpacing": 2,
    "ImagePositionPatient": 3,
    "ImageOrientationPatient": 6,
    "SliceThickness": 1,
    "RescaleSlope": 1,
    "RescaleIntercept": 1,
    "InstanceNumber": 1,
    "WindowCenter": 1,
    "WindowWidth": 1,
}
TEXTS = ["PhotometricInterpretation", "SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"]


def spliced(source, codestream, sink) -> None:
    """Write `source` with another transfer syntax and these coded bytes, by radkit's splicer."""
    sink.write(plain.spliced(source, syntax(HTJ2K), [codestream]))


def spliced_to_path(source, codestream, dest) -> None:
    """Do the same to a file that appears whole or not at all, as all that radkit writes."""
    plain.splice_file(source, dest, syntax(HTJ2K), [codestream])


def spliced_by_pydicom(source, codestream, sink) -> None:
    import pydicom
    from pydicom.encaps import encapsulate

    dataset = pydicom.dcmread(source)
    dataset.PixelData = encapsulate([codestream])
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = HTJ2K
    dataset.save_as(sink)


def equal_elements(theirs, ours) -> None:
    """Both objects hold the same elements with the same values."""
    import pydicom

    def read(blob):
        return pydicom.dcmread(blob if isinstance(blob, str) else io.BytesIO(blob))

    for a, b in zip(theirs, ours, strict=True):
        first, second = read(a), read(b)
        assert first.file_meta.TransferSyntaxUID == second.file_meta.TransferSyntaxUID == HTJ2K
        assert first == second


@pytest.mark.parametrize("row", ["splice-memory", "splice-file", "splice-file-header"])
def test_splice(versus, row):
    paths, streams = data.ct_files(), data.stream("htj2k", "ct")
    blobs = [p.read_bytes() for p in paths]
    folder = data.work_dir()

    def in_memory(splicer, wrap):
        def call(blob, stream):
            sink = io.BytesIO()
            splicer(wrap(blob), stream, sink)
            return sink.getvalue()

        return {"call": call, "items": list(zip(blobs, streams, strict=True))}

    def on_disk(splicer, name, read):
        def call(path, dest, stream):
            splicer(read(path), stream, dest)
            return dest

        dests = [str(folder / f"{name}{i}.dcm") for i in range(len(paths))]
        return {"call": call, "items": list(zip(paths, dests, streams, strict=True))}

    if row == "splice-memory":
        peer, own = in_memory(spliced_by_pydicom, io.BytesIO), in_memory(spliced, bytes)
    else:
        whole = row == "splice-file"
        peer = on_disk(spliced_by_pydicom, "peer", str)
        own = on_disk(
            spliced_to_path, "own", (lambda p: p.read_bytes()) if whole else (lambda p: p)
        )
    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(
            name="pydicom dcmread, encapsulate, save_as",
            version=rivals.version("pydicom"),
            **peer,
        ),
        own=Side(name="radkit", **own),
        frames=len(paths),
        bytes_in=len(blobs[0]),
        bytes_out=len(blobs[0]) - data.frames("ct")[0].nbytes + len(streams[0]),
        check=equal_elements,
    )


@pytest.mark.parametrize("row", ["header-scan"])
def test_header_scan(versus, row):
    import pydicom
    from pydicom.datadict import tag_for_keyword

    from radkit.dicom.headers import scan_headers

    paths = data.ct_files()
    numbers = {int(tag_for_keyword(name)): count for name, count in NUMBERS.items()}
    texts = [int(tag_for_keyword(name)) for name in TEXTS]

    def values_of(path):
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=[*NUMBERS, *TEXTS])
        row = []
        for name in NUMBERS:
            value = header.get(name)
            many = value if hasattr(value, "__iter__") else (value,)
            row.append(tuple(float(v) for v in many if v is not None))
        return row, [header.get(name) for name in TEXTS]

    def own():
        return scan_headers(paths, numbers=numbers, texts=texts)

    def same(theirs, ours):
        [rows], [columns] = theirs, ours
        assert not columns.errors
        for i, (found, words) in enumerate(rows):
            for tag, values in zip(numbers, found, strict=True):
                kept = tuple(x for x in columns.numbers[tag][i] if x == x)
                assert kept == values[: numbers[tag]], f"{tag:08X}"
            for tag, word in zip(texts, words, strict=True):
                assert columns.texts[tag][i] == (str(word) if word else None), f"{tag:08X}"

    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(
            name="pydicom dcmread(stop_before_pixels, specific_tags)",
            version=rivals.version("pydicom"),
            call=lambda: [values_of(path) for path in paths],
            items=[()],
        ),
        own=Side(name="radkit scan_headers", call=own, items=[()]),
        frames=len(paths),
        bytes_in=paths[0].stat().st_size,
        bytes_out=0,
        check=same,
    )


def by_pydicom_j2k(path, dest) -> None:
    import pydicom
    from pydicom.uid import JPEG2000Lossless

    dataset = pydicom.dcmread(path)
    dataset.compress(JPEG2000Lossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    dataset.save_as(dest)


def by_pydicom_htj2k(path, dest) -> None:
    import imagecodecs
    import pydicom
    from pydicom.encaps import encapsulate

    dataset = pydicom.dcmread(path)
    array = np.frombuffer(dataset.PixelData, "<u2").reshape(dataset.Rows, dataset.Columns)
    coded = bytes(imagecodecs.htj2k_encode(array, reversible=True, resolutions=5))
    dataset.PixelData = encapsulate([coded])
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = HTJ2K
    dataset.save_as(dest)


def by_gdcm_jpegls(path, dest) -> None:
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLSLossless))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(dest))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


FILES = {
    "j2k": ("jpeg2000-lossless", by_pydicom_j2k, "pydicom compress, save_as", "pydicom"),
    "htj2k": ("htj2k-lossless", by_pydicom_htj2k, "pydicom with imagecodecs, by hand", "pydicom"),
    "jpegls": ("jpegls-lossless", by_gdcm_jpegls, "GDCM in process", "python-gdcm"),
}


@pytest.mark.parametrize("row", [f"file-{k}{v}" for k in FILES for v in ("", "-verified")])
def test_file_to_file(versus, row):
    import radkit

    kind, verified = row.split("-")[1], row.endswith("-verified")
    wanted, peer_call, name, package = FILES[kind]
    paths, folder = data.ct_files(), data.work_dir()

    def to_files(prefix, call):
        dests = [folder / f"{prefix}{i}.dcm" for i in range(len(paths))]

        def from_path(path, dest):
            call(path, dest)
            return dest

        return {"call": from_path, "items": list(zip(paths, dests, strict=True))}

    def own(path, dest):
        radkit.transcode(path, dest, wanted, verify=verified, threads=1)

    def both_hold_the_frames(theirs, ours):
        for a, b, frame in zip(theirs, ours, data.frames("ct"), strict=True):
            assert np.array_equal(radkit.decode(a), frame)
            assert np.array_equal(radkit.decode(b), frame)

    ours = Side(name="radkit", **to_files("own", own))
    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(name=name, version=rivals.version(package), **to_files("peer", peer_call)),
        own=ours,
        frames=len(paths),
        bytes_in=paths[0].stat().st_size,
        bytes_out=sum(p.stat().st_size for p in ours.results()) // len(paths),
        check=both_hold_the_frames,
    )


RPCL = "htj2k-lossless-rpcl"


@pytest.mark.parametrize("row", ["file-j2k-to-rpcl"])
def test_file_to_progressive_file(versus, row):
    """What users of pydicom do today against what they would do: the peer verifies nothing."""
    import radkit

    paths, folder = data.ct_files(), data.work_dir()

    def to_files(prefix, call):
        dests = [folder / f"{prefix}{i}.dcm" for i in range(len(paths))]

        def from_path(path, dest):
            call(path, dest)
            return dest

        return {"call": from_path, "items": list(zip(paths, dests, strict=True))}

    def own(path, dest):
        assert radkit.transcode(path, dest, RPCL, threads=1).max_error == 0

    def both_hold_the_frames(theirs, ours):
        for a, b, frame in zip(theirs, ours, data.frames("ct"), strict=True):
            assert np.array_equal(radkit.decode(a), frame)
            assert np.array_equal(radkit.decode(b), frame)

    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(
            name="pydicom compress(JPEG2000Lossless), save_as",
            version=rivals.version("pydicom"),
            **to_files("peer", by_pydicom_j2k),
        ),
        own=Side(name="radkit transcode, verified", **to_files("own", own)),
        frames=len(paths),
        bytes_in=paths[0].stat().st_size,
        bytes_out=data.frames("ct")[0].nbytes,
        check=both_hold_the_frames,
    )


@pytest.mark.parametrize("row", ["threads-2-file"])
def test_files_in_two_threads(versus, row):
    """Sixty-four files, each from path to proven file, in one thread and in two."""
    import radkit

    paths, folder = data.ct_files() * 8, data.work_dir()
    dests = [folder / f"many{i}.dcm" for i in range(len(paths))]
    one = functools.partial(radkit.transcode, syntax=RPCL, threads=1)

    def run(threads):
        with ThreadPoolExecutor(threads) as pool:
            return [result.sha256 for result in pool.map(one, paths, dests)]

    def proven_alike(theirs, ours):
        assert theirs == ours and all(theirs[0])

    versus(
        row,
        name=data.label(row, "ct"),
        peer=Side(name="radkit transcode, 1 thread", call=lambda: run(1), items=[()]),
        own=Side(name="radkit transcode, 2 threads", call=lambda: run(2), items=[()]),
        frames=len(paths),
        bytes_in=paths[0].stat().st_size,
        bytes_out=dests[0].stat().st_size if dests[0].exists() else 0,
        pinned=False,
        check=proven_alike,
    )
