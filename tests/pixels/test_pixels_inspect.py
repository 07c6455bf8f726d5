"""Inspect: what is told of headers and codestreams, and what is told of their quarrels."""

from __future__ import annotations

import numpy as np
import pytest
from pixel_objects import dataset
from pydicom.encaps import encapsulate

import radkit
from radkit.testing.samples import sample


def codes(info):
    return {problem.code for problem in info.problems}


def coded(array, stream, syntax, **values):
    ds = dataset(array, syntax=syntax, **values)
    ds.PixelData = encapsulate([stream])
    return ds


J2K, J2K_ANY = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
HTJ2K = "1.2.840.10008.1.2.4.201"


@pytest.fixture(scope="module")
def picture():
    y, x = np.mgrid[0:40, 0:48]
    return (2000 + 900 * np.sin(x / 6) * np.cos(y / 5)).astype(np.uint16)


@pytest.fixture(scope="module")
def stream(picture):
    import imagecodecs

    return imagecodecs.jpeg2k_encode(picture, level=0, codecformat="J2K", bitspersample=12)


def test_native_object_is_described():
    info = radkit.inspect(sample("ct"))
    assert info.sop_class == "1.2.840.10008.5.1.4.1.1.2"
    assert (info.syntax.name, info.shape, info.dtype) == ("explicit-le", (1, 128, 128), np.int16)
    assert (info.bits_stored, info.photometric, info.offsets) == (16, "MONOCHROME2", "native")
    assert info.pixel_bytes == 128 * 128 * 2
    assert info.codestream is None and info.lossy is False and info.lossy_ratio is None


def test_colour_has_its_samples_in_the_shape():
    info = radkit.inspect(sample("us_j2k"))
    assert info.shape == (1, 480, 640, 3)
    assert info.codestream.mct and info.codestream.reductions == 5
    assert info.photometric == "YBR_RCT" and "photometric-disagrees" not in codes(info)


def test_pixel_bytes_are_those_of_the_fragments(picture, stream):
    info = radkit.inspect(coded(picture, stream, J2K, bits=12))
    assert info.pixel_bytes in (len(stream), len(stream) + len(stream) % 2)
    assert not codes(info) - {"bytes-after-eoc", "meta-length"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Rows": 41}, "size-disagrees"),
        ({"BitsStored": 13, "HighBit": 12}, "precision-disagrees"),
        ({"PixelRepresentation": 1}, "sign-disagrees"),
    ],
)
def test_quarrel_of_header_and_codestream_is_told(picture, stream, changes, code):
    info = radkit.inspect(coded(picture, stream, J2K, bits=12, **changes))
    assert code in codes(info)


def test_codestream_of_another_coding_is_told(picture, stream):
    import imagecodecs

    assert "ht-disagrees" in codes(radkit.inspect(coded(picture, stream, HTJ2K, bits=12)))
    sv1 = imagecodecs.jpeg8_encode(picture, lossless=True, predictor=1, bitspersample=12)
    info = radkit.inspect(coded(picture, sv1, "1.2.840.10008.1.2.4.51", bits=12))
    assert "coding-disagrees" in codes(info)


def test_lossy_is_read_off_header_and_codestream(picture):
    import imagecodecs

    lossy = imagecodecs.jpeg2k_encode(
        picture, level=40, reversible=False, codecformat="J2K", bitspersample=12
    )
    assert radkit.inspect(coded(picture, lossy, J2K_ANY, bits=12)).lossy
    assert "lossy-in-lossless" in codes(radkit.inspect(coded(picture, lossy, J2K, bits=12)))
    ds = dataset(picture, LossyImageCompression="01", LossyImageCompressionRatio=["5", "12.5"])
    info = radkit.inspect(ds)
    assert info.lossy and info.lossy_ratio == 12.5
    assert radkit.inspect(sample("jpeg12")).lossy
    assert not radkit.inspect(sample("mr_rle")).lossy


def test_broken_codestream_is_a_problem_not_an_error(picture):
    info = radkit.inspect(coded(picture, b"\xff\x4f\xff\x51\x00\x04nonsense..", J2K, bits=12))
    assert info.codestream is None
    assert "codestream-broken" in codes(info)
    with pytest.raises(radkit.CorruptPixelData):
        radkit.decode(coded(picture, b"\xff\x4f\xff\x51\x00\x04nonsense..", J2K, bits=12))


def test_missing_frames_are_a_problem_not_an_error(picture, stream):
    ds = dataset(np.stack([picture] * 3), frames=True, bits=12, syntax=J2K)
    ds.PixelData = encapsulate([stream] * 2)
    info = radkit.inspect(ds)
    assert info.shape == (3, 40, 48)
    assert info.problems
    with pytest.raises(radkit.CorruptPixelData):
        radkit.decode(ds)


def test_syntax_that_is_refused_is_described_all_the_same(picture):
    ds = coded(picture, bytes(64), "1.2.840.10008.1.2.4.102", bits=12)
    info = radkit.inspect(ds)
    assert info.shape == (1, 40, 48)
    assert "unsupported-syntax" in codes(info)
    with pytest.raises(radkit.UnsupportedTransferSyntax):
        radkit.decode(ds)


def test_deep_shares_out_the_bytes_of_frames():
    assert radkit.inspect(sample("us_j2k")).coded_bytes == ()
    info = radkit.inspect(sample("us_j2k"), deep=True)
    stream = info.codestream
    assert stream is not None and len(info.coded_bytes) == info.shape[0]
    for frame in info.coded_bytes:
        assert len(frame) == stream.reductions + 1
        assert {len(row) for row in frame} == {stream.layers}
    total = sum(n for frame in info.coded_bytes for row in frame for n in row)
    # What is no packet: headers, EOC, padding.
    assert 0.9 * info.pixel_bytes < total < info.pixel_bytes


def test_deep_of_a_coding_without_packets_is_one_number():
    info = radkit.inspect(sample("ct"), deep=True)
    assert info.coded_bytes == (((info.pixel_bytes,),),)


def test_object_without_pixels_is_a_typed_error():
    with pytest.raises(radkit.RadkitError):
        radkit.inspect(sample("report"))


def test_syntaxes_tell_what_can_be_done():
    known = {one.name: one for one in radkit.syntaxes()}
    assert known["htj2k-lossless-rpcl"].encode and known["htj2k-lossless-rpcl"].reduce
    assert known["rle"].decode and not known["rle"].reduce
    refused = [one for one in radkit.syntaxes() if not one.decode]
    assert refused and all(one.refusal for one in refused)


LABELS = {
    "jpeg": "1.2.840.10008.1.2.4.50",
    "jpeg-lossless": "1.2.840.10008.1.2.4.70",
    "jpegls": "1.2.840.10008.1.2.4.80",
}


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("kind", LABELS)
def test_jpeg_family_is_told_by_the_stream_and_not_by_the_label(label, kind):
    import imagecodecs

    from radkit.codecs import jpeg_lossless

    array = np.add.outer(np.arange(16), np.arange(24)).astype(np.uint8) * 4
    stream = {
        "jpeg": lambda: imagecodecs.jpeg8_encode(array, level=60),
        "jpeg-lossless": lambda: jpeg_lossless.encode(array),
        "jpegls": lambda: imagecodecs.jpegls_encode(array),
    }[kind]()
    info = radkit.inspect(coded(array, stream, LABELS[label]))
    assert info.codestream.coding == kind
    assert info.codestream.reversible == (kind != "jpeg")
    assert info.lossy == (kind == "jpeg")
    assert ("coding-disagrees" in codes(info)) == (kind != label)


def test_deep_of_a_damaged_frame_lists_what_is_wrong(picture, stream):
    whole = radkit.inspect(coded(picture, stream, J2K, bits=12), deep=True)
    cut = radkit.inspect(coded(picture, stream[: len(stream) // 2], J2K, bits=12), deep=True)
    assert "truncated" not in codes(whole) and "codestream-damaged" not in codes(whole)
    assert codes(cut) & {"truncated", "codestream-damaged"}
    assert 0 < sum(map(sum, cut.coded_bytes[0])) < sum(map(sum, whole.coded_bytes[0]))
    none = radkit.inspect(coded(picture, b"\xff\x4f" + bytes(60), J2K, bits=12), deep=True)
    assert "packets-not-read" in codes(none) and none.coded_bytes == ((),)


def test_deep_keeps_to_the_limits(picture, stream):
    with radkit.limits.use(max_seconds=1e-9), pytest.raises(radkit.LimitExceeded):
        radkit.inspect(coded(picture, stream, J2K, bits=12), deep=True)


def test_a_frame_goes_straight_into_the_callers_array(picture, stream):
    source = coded(picture, stream, J2K, bits=12)
    out = np.full((1, *picture.shape), 0xFFFF, np.uint16)
    assert radkit.decode(source, out=out, frames=[0], threads=2) is out
    np.testing.assert_array_equal(out[0], picture)
    with radkit.limits.use(max_seconds=1e-9), pytest.raises(radkit.LimitExceeded):
        radkit.decode(source)
