"""transcode between JPEG 2000 and HTJ2K by code-blocks: which way is taken, and what it keeps."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pydicom
import pytest
from objects_made import ct, encoded, read
from pydicom.encaps import encapsulate

from radkit.codecs import jpeg2000
from radkit.codecs.options import Coding, Lossy
from radkit.errors import VerificationError
from radkit.pixels.frames import Frames
from radkit.transcoding import blocks
from radkit.transcoding.one import transcode


def picture(shape: tuple[int, ...], bits: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[: shape[0], : shape[1]]
    wave = np.sin(x / 9.0) + np.cos(y / 13.0) + rng.normal(0, 0.05, shape[:2])
    grey = ((wave + 3) / 6 * ((1 << bits) - 1)).astype(np.uint16 if bits > 8 else np.uint8)
    return (
        grey
        if len(shape) == 2
        else np.stack([np.roll(grey, 5 * k, 0) for k in range(shape[2])], -1)
    )


def stored(data: bytes) -> np.ndarray:
    with Frames(data) as frames:
        return np.stack(
            [frames.decode(i, colour="coded").array for i in range(frames.image.frames)]
        )


def labelled(
    streams: list[bytes],
    pixels: np.ndarray,
    syntax: str,
    *,
    bits: int,
    photometric: str,
    **more: str,
) -> bytes:
    """An object that holds streams made elsewhere."""
    ds = ct(pixels, bits=bits)
    ds.PixelData = encapsulate(streams)
    ds["PixelData"].is_undefined_length = True
    ds.PhotometricInterpretation = photometric
    for name, value in more.items():
        setattr(ds, name, value)
    ds.file_meta.TransferSyntaxUID = syntax
    return encoded(ds)


J2K_LOSSLESS, J2K = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
HT = "1.2.840.10008.1.2.4.203"


@pytest.mark.parametrize("syntax", ["htj2k-lossless", "htj2k-lossless-rpcl", "htj2k"])
@pytest.mark.parametrize("frames", [1, 3])
def test_lossless_frames_keep_their_samples_and_come_back(syntax: str, frames: int) -> None:
    image = picture((90, 110), 12)
    pixels = np.stack([image] * frames) if frames > 1 else image
    first = transcode(encoded(ct(pixels)), None, "jpeg2000-lossless")
    result = transcode(first.data, None, syntax, threads=2, verify="independent")
    assert (result.way, result.max_error) == ("blocks", 0)
    assert np.array_equal(stored(result.data), pixels.reshape(-1, 90, 110))
    back = transcode(result.data, None, "jpeg2000-lossless")
    assert (back.way, back.max_error) == ("blocks", 0)
    assert np.array_equal(stored(back.data), pixels.reshape(-1, 90, 110))
    assert read(back.data).SOPInstanceUID == "1.2.3.4"


def test_colour_keeps_its_component_transform() -> None:
    pixels = picture((70, 64, 3), 8)
    first = transcode(encoded(ct(pixels, bits=8)), None, "jpeg2000-lossless")
    result = transcode(first.data, None, "htj2k-lossless")
    assert result.way == "blocks"
    assert read(result.data).PhotometricInterpretation == "YBR_RCT"
    assert np.array_equal(stored(result.data)[0], pixels)


def test_lossy_source_keeps_its_history_and_decodes_to_the_same_samples() -> None:
    source = transcode(
        encoded(ct(picture((128, 100), 12))), None, "jpeg2000", lossy=Lossy(ratio=10)
    )
    before = read(source.data)
    result = transcode(source.data, None, "htj2k")
    after = read(result.data)
    assert (result.way, result.max_error) == ("blocks", 0)
    assert np.array_equal(stored(result.data), stored(source.data))
    assert after.LossyImageCompression == "01"
    assert after.LossyImageCompressionRatio == before.LossyImageCompressionRatio
    assert after.LossyImageCompressionMethod == before.LossyImageCompressionMethod
    assert after.SOPInstanceUID == before.SOPInstanceUID
    assert result.bytes_out < 1.2 * source.bytes_out


def test_lossy_source_is_decoded_for_a_lossless_syntax() -> None:
    source = transcode(
        encoded(ct(picture((128, 100), 12))), None, "jpeg2000", lossy=Lossy(ratio=10)
    )
    result = transcode(source.data, None, "htj2k-lossless")
    assert (result.way, result.max_error) == ("pixels", 0)
    assert np.array_equal(stored(result.data), stored(source.data))


def test_reversible_but_truncated_blocks_are_no_lossless_stream() -> None:
    pixels = picture((120, 90), 12)
    stream = imagecodecs.jpeg2k_encode(
        pixels, codecformat="j2k", reversible=True, level=50, bitspersample=12
    )
    source = labelled([stream], pixels, J2K, bits=12, photometric="MONOCHROME2")
    assert not np.array_equal(stored(source)[0], pixels)
    strict = transcode(source, None, "htj2k-lossless")
    loose = transcode(source, None, "htj2k")
    assert (strict.way, strict.max_error) == ("pixels", 0)
    assert (loose.way, loose.max_error) == ("blocks", 0)
    assert np.array_equal(stored(loose.data), stored(source))


def test_few_levels_do_not_do_for_rpcl() -> None:
    pixels = picture((200, 200), 12)
    stream = jpeg2000.encode(pixels, bits=12, coding=Coding(levels=1))
    source = labelled([stream], pixels, J2K_LOSSLESS, bits=12, photometric="MONOCHROME2")
    assert transcode(source, None, "htj2k-lossless-rpcl").way == "pixels"
    assert transcode(source, None, "htj2k-lossless").way == "blocks"


def test_one_frame_that_cannot_go_by_blocks_takes_the_others_along() -> None:
    pixels = np.stack([picture((64, 64), 12)] * 3)
    good = jpeg2000.encode(pixels[0], bits=12)
    odd = (
        jpeg2000.encode(pixels[0], bits=10)
        if pixels.max() < 1024
        else jpeg2000.encode((pixels[2] >> 2).astype(np.uint16), bits=10)
    )
    source = labelled([good, good, odd], pixels, J2K_LOSSLESS, bits=12, photometric="MONOCHROME2")
    result = transcode(source, None, "htj2k-lossless", threads=2)
    assert (result.way, result.max_error) == ("pixels", 0)
    assert np.array_equal(stored(result.data), stored(source))


def test_layout_that_needs_a_new_encoding_goes_by_pixels() -> None:
    first = transcode(encoded(ct(picture((90, 110), 12))), None, "jpeg2000-lossless")
    by_pixels = transcode(first.data, None, "htj2k-lossless", coding=Coding(levels=1))
    by_blocks = transcode(first.data, None, "htj2k-lossless", coding=Coding(progression="LRCP"))
    assert (by_pixels.way, by_blocks.way) == ("pixels", "blocks")


def test_wrong_result_is_found_by_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = picture((64, 64), 12)
    first = transcode(encoded(ct(pixels)), None, "jpeg2000-lossless")
    other = jpeg2000.transcode(jpeg2000.encode(pixels ^ 1, bits=12), "htj2k")
    real = blocks.by_blocks

    def wrong(*args: object) -> object:
        from dataclasses import replace

        return replace(real(*args), data=other)  # type: ignore[arg-type]

    monkeypatch.setattr("radkit.transcoding.recode.by_blocks", wrong)
    with pytest.raises(VerificationError):
        transcode(first.data, None, "htj2k-lossless")


def test_result_is_read_by_pydicom_and_openjpeg() -> None:
    pixels = picture((90, 110), 12)
    first = transcode(encoded(ct(pixels)), None, "jpeg2000-lossless")
    result = transcode(first.data, None, "htj2k-lossless-rpcl")
    ds = read(result.data)
    frame = next(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1))
    assert np.array_equal(imagecodecs.jpeg2k_decode(frame), pixels)


def test_same_coding_in_another_layout_keeps_its_blocks_and_layers() -> None:
    pixels = picture((150, 110), 12)
    stream = jpeg2000.encode(pixels, bits=12, coding=Coding(layers=(20.0, 8.0)))
    source = labelled([stream], pixels, J2K_LOSSLESS, bits=12, photometric="MONOCHROME2")
    result = transcode(
        source, None, "jpeg2000-lossless", coding=Coding(progression="CPRL", plt=True)
    )
    frame = next(pydicom.encaps.generate_frames(read(result.data).PixelData, number_of_frames=1))
    info = jpeg2000.info(frame)
    assert (result.way, result.max_error) == ("blocks", 0)
    assert (info.progression, info.layers, info.plt) == ("CPRL", 3, True)
    assert np.array_equal(imagecodecs.jpeg2k_decode(frame), pixels)


def test_without_verification_the_source_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.stack([picture((90, 110), 12)] * 2)
    first = transcode(encoded(ct(pixels)), None, "jpeg2000-lossless")
    real, reductions = Frames.decode, []

    def seen(self: Frames, index: int, **wish: object) -> object:
        reductions.append(wish.get("reduce", 0))
        return real(self, index, **wish)  # type: ignore[arg-type]

    with monkeypatch.context() as m:
        m.setattr(Frames, "decode", seen)
        result = transcode(first.data, None, "htj2k-lossless", verify=False)
    assert (result.way, result.max_error) == ("blocks", None)
    assert len(reductions) == 2 and min(reductions) > 0  # type: ignore[operator]
    assert np.array_equal(stored(result.data), pixels)
    assert result.data == transcode(first.data, None, "htj2k-lossless").data
