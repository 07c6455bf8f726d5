"""The encoder of OpenJPEG, with the layout that `Coding` asks for."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import c_char_p, c_float, c_int, c_uint8, c_uint16, c_uint32, c_void_p

import numpy as np
from peer_openjpeg import RAW_CODESTREAM, Plan, library

from radkit.codecs.options import Coding
from radkit.errors import EncodeError, MissingDependency

__all__ = ["encode"]

ORDERS = {"LRCP": 0, "RLCP": 1, "RPCL": 2, "PCRL": 3, "CPRL": 4}
PATH = ctypes.c_char * 4096
GRAY, RGB, UNSPECIFIED = 2, 1, 0
MAX_LAYERS = 100


class Parameters(ctypes.Structure):
    """opj_cparameters_t of OpenJPEG 2.x."""

    _fields_ = (
        ("tile_size_on", c_int),
        ("cp_tx0", c_int),
        ("cp_ty0", c_int),
        ("cp_tdx", c_int),
        ("cp_tdy", c_int),
        ("cp_disto_alloc", c_int),
        ("cp_fixed_alloc", c_int),
        ("cp_fixed_quality", c_int),
        ("cp_matrice", c_void_p),
        ("cp_comment", c_char_p),
        ("csty", c_int),
        ("prog_order", c_int),
        ("poc", c_uint32 * (37 * 32)),
        ("numpocs", c_uint32),
        ("tcp_numlayers", c_int),
        ("tcp_rates", c_float * 100),
        ("tcp_distoratio", c_float * 100),
        ("numresolution", c_int),
        ("cblockw_init", c_int),
        ("cblockh_init", c_int),
        ("mode", c_int),
        ("irreversible", c_int),
        ("roi_compno", c_int),
        ("roi_shift", c_int),
        ("res_spec", c_int),
        ("prcw_init", c_int * 33),
        ("prch_init", c_int * 33),
        ("infile", PATH),
        ("outfile", PATH),
        ("index_on", c_int),
        ("index", PATH),
        ("image_offset_x0", c_int),
        ("image_offset_y0", c_int),
        ("subsampling_dx", c_int),
        ("subsampling_dy", c_int),
        ("decod_format", c_int),
        ("cod_format", c_int),
        ("jpwl", c_int * (2 + 16 * 5 + 4 + 16 * 2)),
        ("cp_cinema", c_int),
        ("max_comp_size", c_int),
        ("cp_rsiz", c_int),
        ("tp_on", c_uint8),
        ("tp_flag", c_uint8),
        ("tcp_mct", c_uint8),
        ("jpip_on", c_int),
        ("mct_data", c_void_p),
        ("max_cs_size", c_int),
        ("rsiz", c_uint16),
        ("spare", c_uint8 * 4096),
    )


class ComponentParameters(ctypes.Structure):
    """opj_image_cmptparm_t."""

    _fields_ = tuple(
        (name, c_uint32) for name in ("dx", "dy", "w", "h", "x0", "y0", "prec", "bpp", "sgnd")
    )


def _defaults() -> Parameters:
    parameters = Parameters()
    library().opj_set_default_encoder_parameters(ctypes.byref(parameters))
    found = (
        parameters.numresolution,
        parameters.cblockw_init,
        parameters.cblockh_init,
        parameters.roi_compno,
        parameters.subsampling_dx,
        parameters.subsampling_dy,
        parameters.decod_format,
        parameters.cod_format,
    )
    if found != (6, 64, 64, -1, 1, 1, -1, -1) or any(parameters.spare):
        raise MissingDependency("the OpenJPEG at hand has another structure of parameters than 2.5")
    return parameters


def encode(
    image: np.ndarray,
    *,
    bits: int,
    signed: bool,
    mct: bool,
    levels: int,
    coding: Coding,
    irreversible: bool = False,
    rates: Sequence[float] = (0.0,),
    quality: float | None = None,
) -> bytes:
    """Encode (rows, cols) or (rows, cols, components) to a raw codestream.

    `rates` are ratios to the bits of the image, one per layer, falling; 0 is all.
    `quality` is a PSNR in dB instead, for one layer.
    """
    if len(rates) > MAX_LAYERS:
        raise EncodeError(f"OpenJPEG writes at most {MAX_LAYERS} layers")
    parameters = _defaults()
    parameters.prog_order = ORDERS[coding.progression]
    parameters.numresolution = levels + 1
    parameters.cblockh_init, parameters.cblockw_init = coding.block
    parameters.irreversible = irreversible
    parameters.tcp_mct = mct
    if quality is None:
        parameters.cp_disto_alloc = 1
        parameters.tcp_numlayers = len(rates)
        parameters.tcp_rates[: len(rates)] = rates
    else:
        parameters.cp_fixed_quality = 1
        parameters.tcp_numlayers = 1
        parameters.tcp_distoratio[0] = quality
    if coding.tile is not None:
        parameters.tile_size_on = 1
        parameters.cp_tdy, parameters.cp_tdx = coding.tile
    if coding.tile_parts and levels:
        parameters.tp_on, parameters.tp_flag = 1, ord("R")
    if coding.precincts:
        sizes = [coding.precincts[min(r, len(coding.precincts) - 1)] for r in range(levels + 1)]
        parameters.csty |= 1
        parameters.res_spec = len(sizes)
        for index, (rows, cols) in enumerate(reversed(sizes)):
            parameters.prch_init[index], parameters.prcw_init[index] = rows, cols
    options = [b"TLM=YES"] * coding.tlm + [b"PLT=YES"] * coding.plt
    return _run(image, bits, signed, parameters, options)


def _run(
    image: np.ndarray, bits: int, signed: bool, parameters: Parameters, options: list[bytes]
) -> bytes:
    lib = library()
    planes = image[..., None] if image.ndim == 2 else image
    rows, cols, count = planes.shape
    parts = (ComponentParameters * count)(
        *[(1, 1, cols, rows, 0, 0, bits, bits, signed) for _ in range(count)]
    )
    picture = lib.opj_image_create(count, parts, RGB if count == 3 else GRAY)
    if not picture:
        raise EncodeError("OpenJPEG found no memory for the image")
    codec = lib.opj_create_compress(RAW_CODESTREAM)
    plan = Plan()

    def must(done: int, what: str) -> None:
        if not done:
            raise EncodeError(f"OpenJPEG refuses to encode: {what}")

    try:
        must(bool(codec), "no encoder")
        picture.contents.x1, picture.contents.y1 = cols, rows
        for index in range(count):
            plane = np.ascontiguousarray(planes[..., index], dtype=np.int32)
            ctypes.memmove(picture.contents.comps[index].data, plane.ctypes.data, plane.nbytes)
        must(lib.opj_setup_encoder(codec, ctypes.byref(parameters), picture), "parameters")
        if options:
            texts = (c_char_p * (len(options) + 1))(*options, None)
            must(lib.opj_encoder_set_extra_options(codec, texts), "TLM or PLT")
        with plan.stream(lib) as stream:
            must(lib.opj_start_compress(codec, picture, stream), "its header")
            must(lib.opj_encode(codec, stream), "its tiles")
            must(lib.opj_end_compress(codec, stream), "its end")
        return bytes(plan.written)
    finally:
        lib.opj_image_destroy(picture)
        if codec:
            lib.opj_destroy_codec(codec)
