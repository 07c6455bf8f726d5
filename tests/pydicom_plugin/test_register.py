"""radkit as pydicom's plug-in: the same arrays before and after, refusals, and its way out."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.encoders.base import _PIXEL_DATA_ENCODERS, get_encoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

import radkit
from radkit.testing.samples import sample

CODED = (
    "mr_rle",
    "mr_jpegls",
    "mr_j2k",
    "ct_j2k",
    "ct_j2k_lossless",
    "us_j2k",
    "nm_j2k",
    "us_jpeg",
)
LOSSLESS = (
    RLELossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
    JPEG2000,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    HTJ2K,
)


@pytest.fixture
def registered():
    radkit.pydicom.register()
    yield
    radkit.pydicom.unregister()


def pixels(name, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.pixels.pixel_array(sample(name), **options)


def native(name):
    """A data set of pydicom with native pixels."""
    ds = pydicom.dcmread(sample(name))
    if ds.file_meta.TransferSyntaxUID.is_compressed:
        ds.decompress(generate_instance_uid=False)
    return ds


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("name", CODED)
def test_pixel_array_is_the_same_and_made_by_radkit(registered, name, raw):
    mine = pixels(name, raw=raw, decoding_plugin="radkit")
    assert np.array_equal(pixels(name, raw=raw), mine)
    radkit.pydicom.unregister()
    theirs = pixels(name, raw=raw)
    assert mine.shape == theirs.shape and mine.dtype == theirs.dtype
    if name == "us_jpeg":  # the IDCT of lossy JPEG is free to round
        assert np.abs(mine.astype(int) - theirs.astype(int)).max() <= 7
    elif name == "nm_j2k":  # so is the irreversible wavelet
        assert np.abs(mine.astype(int) - theirs.astype(int)).max() <= 1
    else:
        assert np.array_equal(mine, theirs)


@pytest.mark.parametrize("name", ["mr_rle", "us_j2k", "us_jpeg"])
def test_decompress_gives_the_samples_of_decode(registered, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(sample(name))
        ds.decompress(decoding_plugin="radkit")
        assert ds.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        if name != "us_jpeg":
            assert np.array_equal(ds.pixel_array, radkit.decode(sample(name)))
        else:
            assert np.abs(ds.pixel_array.astype(int) - radkit.decode(sample(name))).max() <= 1
    if name != "mr_rle":
        assert ds.PhotometricInterpretation == "RGB"


@pytest.mark.parametrize("uid", LOSSLESS, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("name", ["ct", "mr", "us_rgb"])
def test_compress_and_back_loses_nothing(registered, name, uid):
    ds = native(name)
    before = ds.pixel_array.copy()
    ds.compress(uid, encoding_plugin="radkit", generate_instance_uid=False)
    assert ds.file_meta.TransferSyntaxUID == uid
    assert np.array_equal(ds.pixel_array, before)
    radkit.pydicom.unregister()
    ds._pixel_array = None
    assert np.array_equal(ds.pixel_array, before)  # and a stranger reads it


def test_compress_with_a_component_transform_needs_its_name(registered):
    ds = native("us_rgb")
    before = ds.pixel_array.copy()
    ds.PhotometricInterpretation = "YBR_RCT"
    ds.compress(HTJ2KLossless)
    assert np.array_equal(ds.pixel_array, before)
    assert radkit.inspect(ds).codestream.mct
    ds = native("us_rgb")
    ds.compress(HTJ2KLossless)
    assert not radkit.inspect(ds).codestream.mct
    assert not [p for p in radkit.inspect(ds).problems if p.code == "photometric-disagrees"]
    ds = native("us_rgb")
    ds.PhotometricInterpretation = "YBR_ICT"
    with pytest.raises(RuntimeError, match="YBR_RCT"):
        ds.compress(HTJ2K, encoding_plugin="radkit")


@pytest.mark.parametrize(
    ("uid", "options"),
    [
        (JPEG2000, {"j2k_cr": [8]}),
        (JPEG2000, {"j2k_psnr": [50]}),
        (HTJ2K, {"ratio": 8}),
        (HTJ2K, {"psnr": 50}),
        (JPEGLSNearLossless, {"jls_error": 2}),
    ],
)
def test_lossy_options_reach_the_codec(registered, uid, options):
    ds = native("ct")
    before = ds.pixel_array.astype(int)
    ds.compress(uid, encoding_plugin="radkit", **options)
    error = np.abs(ds.pixel_array - before).max()
    assert 0 < error < 2000
    if uid == JPEGLSNearLossless:
        assert error <= 2


def test_lossy_option_with_a_lossless_syntax_is_refused(registered):
    ds = native("ct")
    with pytest.raises(RuntimeError, match="loss"):
        ds.compress(HTJ2KLossless, encoding_plugin="radkit", ratio=8)


def test_first_asks_radkit_first_and_last_asks_it_last():
    before = list(get_decoder(JPEG2000Lossless)._available)
    radkit.pydicom.register()
    assert list(get_decoder(JPEG2000Lossless)._available) == ["radkit", *before]
    radkit.pydicom.register(first=False)
    assert list(get_decoder(JPEG2000Lossless)._available) == [*before, "radkit"]
    radkit.pydicom.unregister()
    assert list(get_decoder(JPEG2000Lossless)._available) == before


def test_unregister_restores_what_was_there():
    decoders = {
        uid: dict(get_decoder(uid)._available) for uid in LOSSLESS if uid != JPEGLosslessSV1
    }
    encoders = dict(_PIXEL_DATA_ENCODERS)
    plugins = {uid: list(entry[0]._available) for uid, entry in encoders.items()}
    radkit.pydicom.register()
    assert get_encoder(HTJ2KLossless).is_available
    radkit.pydicom.unregister()
    assert encoders == _PIXEL_DATA_ENCODERS
    assert plugins == {uid: list(e[0]._available) for uid, e in _PIXEL_DATA_ENCODERS.items()}
    for uid, functions in decoders.items():
        assert functions == get_decoder(uid)._available
    with pytest.raises(NotImplementedError):
        get_encoder(HTJ2KLossless)


def test_syntaxes_limits_what_is_registered():
    radkit.pydicom.register(syntaxes=["rle"])
    try:
        assert "radkit" in get_decoder(RLELossless).available_plugins
        assert "radkit" not in get_decoder(JPEG2000).available_plugins
    finally:
        radkit.pydicom.unregister()
    with pytest.raises(radkit.UnsupportedTransferSyntax):
        radkit.pydicom.register(syntaxes=["no-such-syntax"])
    with pytest.raises(radkit.OptionError):
        radkit.pydicom.register(syntaxes=["jpegxl"])
    with pytest.raises(TypeError):
        radkit.pydicom.register(syntaxes="rle")


def test_a_stranger_that_cannot_be_put_back_stays_first():
    decoder = get_decoder(RLELossless)

    def stranger(src, runner):
        raise NotImplementedError

    decoder._available["stranger"] = stranger
    try:
        radkit.pydicom.register()
        order = list(decoder._available)
        assert order.index("stranger") < order.index("radkit")
        assert set(order) >= {"stranger", "radkit", "pydicom"}
    finally:
        radkit.pydicom.unregister()
        decoder.remove_plugin("stranger")


def test_broken_frame_is_refused_and_pydicom_says_so(registered):
    ds = pydicom.dcmread(sample("mr_rle"))
    data = bytearray(ds.PixelData)
    header = 8 + int.from_bytes(data[4:8], "little") + 8  # after the offset table and an item tag
    data[header : header + 4] = b"\xff\xff\xff\xff"  # the count of segments
    ds.PixelData = bytes(data)
    with pytest.raises(RuntimeError, match="radkit"):
        pydicom.pixels.pixel_array(ds, decoding_plugin="radkit")


def test_registering_twice_is_registering_once():
    from pydicom.pixels.decoders import RLELosslessDecoder

    before = RLELosslessDecoder.available_plugins
    radkit.pydicom.register()
    once = RLELosslessDecoder.available_plugins
    radkit.pydicom.register()
    assert RLELosslessDecoder.available_plugins == once
    radkit.pydicom.unregister()
    radkit.pydicom.unregister()
    assert RLELosslessDecoder.available_plugins == before


def pixels_or_error(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return pydicom.dcmread(path, force=True).pixel_array
        except Exception as error:  # whatever a plug-in or pydicom raises
            return error


def test_all_files_in_pydicom_read_as_before(caplog):
    """Radkit may read what the others cannot; where both read, both give the same."""
    folder = Path(pydicom.__file__).parent / "data"
    paths = sorted(path for path in folder.rglob("*.dcm") if path.stat().st_size < 500_000)
    theirs = {path: pixels_or_error(path) for path in paths}
    radkit.pydicom.register()
    try:
        mine = {path: pixels_or_error(path) for path in paths}
    finally:
        radkit.pydicom.unregister()
    read = [path for path in paths if isinstance(theirs[path], np.ndarray)]
    assert len(read) > 60
    for path in read:
        found, expected = mine[path], theirs[path]
        assert isinstance(found, np.ndarray), path.name
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype), path.name
        off = np.abs(found.astype(np.float64) - expected.astype(np.float64)).max()
        lossy = "jpg" in path.name.lower() or "jpeg" in path.name.lower() or "ybr" in path.name
        assert off == 0 or (lossy and off <= 7), path.name


def test_colour_of_rle_comes_interleaved_and_is_labelled_so(registered):
    ds = native("us_rgb")
    before = ds.pixel_array.copy()
    ds.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    for configuration in (0, 1):  # RLE is by plane whatever stands there
        ds.PlanarConfiguration = configuration
        ds._pixel_array = None
        assert np.array_equal(ds.pixel_array, before)
        ds._pixel_array = None
        ds.pixel_array_options(decoding_plugin="radkit")
        assert np.array_equal(ds.pixel_array, before)
