"""The public interface: names, keywords and defaults change only on purpose."""

from __future__ import annotations

import importlib
import inspect
import itertools

import pytest

import radkit

DECODE = "source, *, frames=None, reduce=0, region=None, layers=None, raw=False"
J2K = (
    "data, *, reduce=0, region=None, layers=None, components=None, raw=False, out=None,"
    " strict=True, threads=None"
)
J2K_ENCODE = (
    "array, *, lossy=None, coding=None, bits=None, signed=None, colour='auto', container=None,"
    " threads=None"
)
SIGNATURES = {
    "decode": f"{DECODE}, out=None, strict=True, threads=None",
    "read": f"{DECODE}, out=None, strict=True, threads=None",
    "iter_frames": f"{DECODE}, strict=True, threads=None, ahead=2",
    "decode_many": "requests, *, threads=None, ordered=True",
    "values": "source, *, frames=None, reduce=0, region=None, dtype='float32', strict=True,"
    " threads=None",
    "render": "source, *, frames=None, window='header', size=None, reduce='auto', invert=None,"
    " strict=True, threads=None, out=None",
    "inspect": "source, *, deep=False",
    "transcode": "source, dest=None, syntax='htj2k-lossless-rpcl', *, lossy=None, coding=None,"
    " verify=True, new_uid='as-needed', signatures='refuse', strict=True, threads=None",
    "transcode_many": "sources, dest, syntax='htj2k-lossless-rpcl', *, lossy=None, coding=None,"
    " verify=True, new_uid='as-needed', signatures='refuse', engine='threads', workers=None,"
    " on_error='copy', resume=True, progress=None",
    "load_volume": "sources, *, reduce=0, strict=False, split='error', uneven='keep',"
    " missing='error', tolerance_mm=None, frames=None, layers=None, threads=None, progress=None",
    "reformat": "volume, plane, *, slab=None, interpolation='linear', spacing=None, size=None,"
    " like=None, fill=None, dtype=None, out=None, threads=None",
    "reformat_stack": "volume, plane, *, count, step_mm, slab=None, interpolation='linear',"
    " spacing=None, size=None, like=None, fill=None, dtype=None, out=None, threads=None",
    "resample": "volume, *, like=None, spacing=None, shape=None, interpolation='linear',"
    " fill=None, out=None, threads=None",
    "project": "volume, *, kind='max', angles_deg=range(0, 360, 10), axis='head-foot', size=None,"
    " spacing=None, threads=None",
    "curved_reformat": "volume, centreline, *, kind='straightened', width_mm=60.0, step_mm=None,"
    " angle_deg=0.0, slab=None, threads=None",
    "overlay": "base, over, *, colormap='hot', alpha=0.4, limits=None, window=None",
    "interop.dicomweb.rendered_mpr": "volume, query, *, threads=None",
    "syntaxes": "",
    "lossy_presets": "",
    "preview.thumbnail": "source, *, size=256, window='header', format='array', kind='middle'",
    "preview.best": "data, *, size=None",
    "preview.plan": "source, *, rate_kbit_s=None, budget_s=None, max_bytes=None, viewport=None,"
    " frames=None, latency_s=0.05, window=None",
    "preview.schedule": "series, *, rate_kbit_s, latency_s=0.05",
    "preview.pyramid": "source, *, frame=0, levels=None, lossy=None, syntax='htj2k'",
    "preview.windowed": "source, *, max_bytes=None, ratio=None, frame=0, window='header',"
    " margin=1.0",
    "preview.volume_pyramid": "series, dest, *, levels=3, lossy=None, progress=None",
    "preview.report": "sources, dest, *, rates_kbit_s=(1000, 4000, 10000, 50000), latency_s=0.05,"
    " window='header'",
    "preview.sidecar": "source, dest=None",
    "preview.open_sidecar": "path, reader",
    "preview.Progressive": "frame_header=None",
    "archive.scan": "url, *, deep=False",
    "archive.to_dask": "series, *, reduce=0, chunks='frame'",
    "archive.ledger": "dest",
    "archive.JsonLines": "path, *, every_s=1.0",
    "archive.PrometheusText": "path, *, every_s=5.0, run=''",
    "net.send": "sources, to, *, syntax=None, lossy=None, rate_kbit_s=None, retries=5,"
    " commit=False, spool=None, progress=None",
    "net.web.Client": "base_url, *, auth=None, timeout_s=30.0",
    "net.Peer": "*, aet, host, port, calling='RADKIT', tls=None, timeout_s=60.0",
    "pydicom.register": "*, first=True, syntaxes=None",
    "pydicom.unregister": "",
    "limits.use": "limits=None, /, **changes",
    "limits.current": "",
    "codecs.jpeg2000.decode": J2K,
    "codecs.jpeg2000.encode": J2K_ENCODE,
    "codecs.jpeg2000.index": "data, *, strict=True",
    "codecs.jpeg2000.info": "data",
    "codecs.htj2k.decode": J2K,
    "codecs.htj2k.encode": J2K_ENCODE,
    "codecs.htj2k.info": "data",
    "codecs.jpeg_lossless.decode": "data, *, out=None, strict=True",
    "codecs.jpeg_lossless.encode": "array, *, predictor=1, bits=None",
    "codecs.rle.decode": "data, *, shape, dtype, out=None",
    "codecs.rle.encode": "array",
    "codecs.jpegls.decode": "data, *, out=None",
    "codecs.jpegls.encode": "array, *, max_error=0, bits=None",
    "codecs.jpeg.decode": "data, *, out=None, strict=True",
    "Lossy": "*, ratio=None, max_bytes=None, psnr=None, max_error=None, preset=None",
    "Coding": "*, levels=None, layers=(), progression='RPCL', block=(64, 64), tile=None,"
    " precincts=(), tile_parts=True, tlm=True, plt=False",
    "Request": "*, source, frames=None, reduce=0, region=None, layers=None, out=None",
    "Slab": "*, mm, project='max', step_mm=None",
    "limits.Limits": "*, max_pixels=1 << 28, max_frames=1 << 20, max_memory_bytes=8 << 30,"
    " max_inflated_bytes=2 << 30, max_elements=1 << 20, max_depth=32, max_tiles=65535,"
    " max_blocks=1 << 24, max_seconds=None, foreign='allow'",
}
FIELDS = {
    "Decoded": "array photometric reduce layers region complete sound corrections bytes_read",
    "ImageInfo": "sop_class syntax shape dtype bits_stored photometric lossy lossy_ratio"
    " pixel_bytes offsets codestream problems",
    "Values": "array units slope intercept",
    "Transcoded": "data path syntax way bytes_in bytes_out ratio ratio_stored total_ratio"
    " max_error psnr ssim sha256 seconds corrections",
    "Report": "failed bytes_in bytes_out seconds uid_map to_json",
    "Volume": "array affine slope intercept units padding frame_of_reference instances positions"
    " missing corrections shape spacing origin direction handedness extent sheared geometry"
    " values at crop __array__ __dlpack__ __dlpack_device__",
    "PlaneImage": "array affine plane spacing slope intercept units outside render",
    "Plane": "centre along_row along_col axial coronal sagittal oblique from_normal from_points"
    " shift rotate flip",
    "TransferSyntax": "uid name lossy_capable encapsulated decode encode reduce layers module",
    "Problem": "code text tag offset",
    "Correction": "code text instances",
}
ERRORS = {
    "UnsupportedTransferSyntax": NotImplementedError,
    "CorruptFile": ValueError,
    "CorruptPixelData": ValueError,
    "TruncatedPixelData": ValueError,
    "GeometryError": ValueError,
    "OptionError": ValueError,
    "LimitExceeded": Exception,
    "VerificationError": Exception,
    "TransferError": Exception,
    "EncodeError": Exception,
    "MissingDependency": ImportError,
}


def public(name):
    """Return what a user writes as radkit.NAME, rooms imported by name where they must be."""
    room, _, rest = name.partition(".")
    found = getattr(radkit, room)
    for part in filter(None, rest.split(".")):
        if not hasattr(found, part):
            importlib.import_module(f"{found.__name__}.{part}")
        found = getattr(found, part)
    return found


def stated(text):
    """Return the parameters of a signature that is written down."""
    names: dict[str, object] = {}
    exec(f"def found({text}): ...", names)
    return inspect.signature(names["found"]).parameters  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SIGNATURES)
def test_keywords_and_defaults_are_those_of_the_interface(name):
    expected = stated(SIGNATURES[name])
    found = inspect.signature(public(name)).parameters
    assert list(found) == list(expected)
    for key, parameter in expected.items():
        assert found[key].kind == parameter.kind, key
        assert found[key].default == parameter.default, key


@pytest.mark.parametrize("name", FIELDS)
def test_results_have_their_fields(name):
    kind = public(name)
    known = {*dir(kind), *getattr(kind, "__dataclass_fields__", ())}
    assert not set(FIELDS[name].split()) - known


@pytest.mark.parametrize("name", ERRORS)
def test_errors_keep_their_second_base(name):
    assert issubclass(public(name), radkit.RadkitError)
    assert issubclass(public(name), ERRORS[name])


def test_presets_of_limits_are_those_of_the_interface():
    limits = radkit.limits
    assert limits.Limits() == limits.DEFAULT
    assert (
        limits.Limits(
            max_pixels=64 << 20,
            max_frames=4096,
            max_memory_bytes=1 << 30,
            max_inflated_bytes=256 << 20,
            max_seconds=30.0,
            foreign="process",
        )
        == limits.UNTRUSTED
    )


@pytest.mark.parametrize("name", sorted(set(radkit.__all__)))
def test_every_public_name_has_a_docstring(name):
    found = getattr(radkit, name)
    if inspect.isclass(found) or inspect.isfunction(found) or inspect.ismodule(found):
        assert found.__doc__ and found.__doc__.strip()


def sections(text):
    lines = inspect.cleandoc(text).splitlines()
    pairs = itertools.pairwise(lines)
    return {a for a, b in pairs if b and set(b) == {"-"}}


@pytest.mark.parametrize(
    "name", [name for name in SIGNATURES if name.rpartition(".")[2][0].islower()]
)
def test_public_functions_are_documented_by_sections(name):
    function = public(name)
    found = sections(function.__doc__ or "")
    parameters = [key for key in inspect.signature(function).parameters if key != "limits"]
    if parameters and not name.startswith("codecs."):
        assert "Parameters" in found
        for key in parameters:
            assert key in (function.__doc__ or ""), key
    if name.split(".")[-1] not in ("register", "unregister", "use") and parameters:
        assert found & {"Returns", "Yields"}
