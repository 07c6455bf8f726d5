"""Makes fuzz/streams: small codestreams that together use what T.800 and T.814 have.

`python -m fuzz.streams` writes them again. It needs opj_compress (the Debian package
libopenjp2-tools) and takes HT ones from radkit's own encoder; packed packet headers and
further segments are put in by hand. The pictures are noise and slopes.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
FOLDER = HERE / "streams"
ROOT = HERE.parent

# Name: options of opj_compress, (rows, cols, components), bits.
PART_1 = {
    "plain": ("", (40, 36, 1), 12),
    "one_level": ("-n 1", (17, 9, 1), 8),
    "two_levels": ("-n 2 -b 4,4", (23, 31, 1), 8),
    "wide_blocks": ("-n 2 -b 1024,4", (9, 70, 1), 8),
    "high_blocks": ("-n 2 -b 4,1024", (70, 9, 1), 8),
    "rlcp": ("-n 3 -b 8,8 -p RLCP -r 8,1", (24, 24, 1), 8),
    "rpcl_precincts": ("-n 3 -p RPCL -c [16,16],[8,8]", (40, 36, 1), 8),
    "pcrl_precincts": ("-n 3 -p PCRL -c [16,8],[8,16],[4,4]", (33, 29, 3), 8),
    "cprl_precincts": ("-n 2 -p CPRL -c [8,8] -b 4,8", (21, 19, 3), 8),
    "tiles": ("-n 3 -t 17,13 -p PCRL", (30, 40, 1), 8),
    "tiles_offset": ("-n 2 -t 20,14 -T 3,5 -d 7,9", (30, 33, 1), 8),
    "tiles_colour": ("-n 2 -t 16,16 -p RPCL -r 10,1", (24, 24, 3), 8),
    "offset": ("-d 13,21 -p RPCL -n 3 -c [8,8]", (19, 27, 1), 12),
    "layers": ("-n 3 -r 20,10,5,2,1", (40, 36, 1), 12),
    "bypass": ("-n 2 -M 1 -r 10,3,1", (32, 32, 1), 12),
    "reset": ("-n 2 -M 2", (20, 20, 1), 10),
    "terminate": ("-n 2 -M 4", (20, 20, 1), 10),
    "causal": ("-n 2 -M 8", (20, 20, 1), 10),
    "predictable": ("-n 2 -M 16", (20, 20, 1), 10),
    "symbols": ("-n 2 -M 32", (20, 20, 1), 10),
    "bypass_terminate": ("-n 2 -M 5 -r 12,4,1", (24, 24, 1), 12),
    "all_styles": ("-n 2 -M 63 -r 12,4,1 -b 16,16", (24, 24, 1), 12),
    "sop_eph": ("-n 2 -SOP -EPH -r 10,1", (24, 20, 1), 8),
    "parts_by_resolution": ("-n 3 -TP R -p RPCL", (24, 20, 1), 8),
    "parts_by_layer": ("-n 2 -TP L -r 10,1 -t 16,16", (24, 20, 1), 8),
    "plt_tlm": ("-n 3 -PLT -TLM", (24, 20, 1), 8),
    "roi": ("-n 2 -ROI c=0,U=7", (20, 20, 1), 8),
    "poc": ("-n 3 -POC T1=0,0,1,2,1,LRCP/T1=2,0,1,4,1,RPCL", (24, 20, 1), 8),
    "poc_colour": ("-n 3 -POC T1=0,0,1,2,3,RLCP/T1=2,0,1,4,3,CPRL", (20, 20, 3), 8),
    "rct": ("-n 3", (24, 20, 3), 8),
    "irreversible": ("-n 3 -I", (32, 28, 1), 8),
    "irreversible_layers": ("-n 3 -I -r 20,8", (32, 28, 1), 12),
    "ict": ("-n 2 -I -r 6", (24, 20, 3), 8),
    "irreversible_tiles": ("-n 2 -I -t 16,16", (24, 20, 1), 8),
    "deep": ("-n 2", (12, 12, 1), 16),
    "no_levels_colour": ("-n 1 -b 8,8", (12, 12, 3), 8),
    "many_components": ("-n 2", (8, 8, 5), 8),
    "tall": ("-n 1", (90, 1, 1), 8),
    "dot": ("-n 1", (1, 1, 1), 8),
}
SEPARATED = "-n 2 -SOP -EPH -r 10,1 -TP R -p RPCL"


def picture(shape: tuple[int, int, int], bits: int) -> np.ndarray:
    """Return (components, rows, cols) with slopes, an edge and noise."""
    rows, cols, count = shape
    rng = np.random.default_rng(rows * cols + count)
    y, x = np.mgrid[:rows, :cols]
    planes = []
    for k in range(count):
        plane = 0.4 + 0.3 * np.sin((x + 3 * k) / 5) + 0.2 * ((x + y) // 11 % 2)
        planes.append(plane + rng.normal(0, 0.02, (rows, cols)))
    top = (1 << bits) - 1
    return np.clip(np.stack(planes) * top, 0, top).astype(">u2" if bits > 8 else "u1")


def compress(options: str, shape: tuple[int, int, int], bits: int) -> bytes:
    """Encode a picture by opj_compress."""
    rows, cols, count = shape
    program = shutil.which("opj_compress")
    if program is None:
        raise SystemExit("opj_compress is absent: install libopenjp2-tools")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in.raw").write_bytes(picture(shape, bits).tobytes())
        line = [program, "-i", str(folder / "in.raw"), "-o", str(folder / "out.j2k")]
        line += ["-F", f"{cols},{rows},{count},{bits},u", *options.split()]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{options}: {done.stdout}{done.stderr}")
        return (folder / "out.j2k").read_bytes()


def segment(marker: int, body: bytes) -> bytes:
    """Return a marker segment."""
    return struct.pack(">HH", marker, len(body) + 2) + body


def put_main(data: bytes, *segments: bytes) -> bytes:
    """Return the codestream with segments at the end of its main header."""
    at = data.index(b"\xff\x90\x00\x0a")
    return data[:at] + b"".join(segments) + data[at:]


def cut_parts(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield SOT and header, body of each tile-part."""
    at = data.index(b"\xff\x90\x00\x0a")
    while data[at : at + 2] == b"\xff\x90":
        size = struct.unpack_from(">I", data, at + 6)[0]
        body = data.index(b"\xff\x93", at + 12) + 2
        yield data[at:body], data[body : at + size]
        at += size


def cut_packets(body: bytes) -> tuple[bytes, bytes]:
    """Return the packet headers with their EPH, and the packets without; both between SOPs."""
    heads = bodies = b""
    for packet in body.split(b"\xff\x91\x00\x04")[1:]:
        end = packet.index(b"\xff\x92") + 2
        heads += packet[2:end]
        bodies += packet[end:]
    return heads, bodies


def pack(data: bytes, *, main: bool) -> bytes:
    """Return a stream with SOP and EPH with its packet headers in PPM or PPT."""
    parts = [(head, *cut_packets(body)) for head, body in cut_parts(data)]
    start = data[: data.index(b"\xff\x90\x00\x0a")]
    if main:
        joined = b"".join(struct.pack(">I", len(heads)) + heads for _, heads, _ in parts)
        half = len(joined) // 2
        start += segment(0xFF60, b"\x00" + joined[:half]) + segment(0xFF60, b"\x01" + joined[half:])
    made = b""
    for head, heads, bodies in parts:
        ppt = b"" if main else segment(0xFF61, b"\x00" + heads)
        changed = bytearray(head[:-2] + ppt + head[-2:])
        struct.pack_into(">I", changed, 6, len(changed) + len(bodies))
        made += bytes(changed) + bodies
    return start + made + b"\xff\xd9"


def subsample(data: bytes) -> bytes:
    """Return a colour stream without levels that says its second component is of half the size."""
    changed = bytearray(data)
    at = changed.index(b"\xff\x51") + 40
    changed[at + 3 + 1 : at + 3 + 3] = b"\x02\x02"
    cod = changed.index(b"\xff\x52")
    changed[cod + 8] = 0  # no component transform
    return bytes(changed)


def high_throughput() -> Iterator[tuple[str, bytes]]:
    """Yield HT streams."""
    from radkit.codecs import htj2k
    from radkit.codecs.options import Coding, Lossy

    grey = picture((40, 36, 1), 12)[0].astype(np.uint16)
    rgb = np.moveaxis(picture((24, 20, 3), 8), 0, -1)
    plain = Coding(levels=2, tile_parts=False, tlm=False)
    yield "ht", htj2k.encode(grey, bits=12, coding=plain)
    yield "ht_parts", htj2k.encode(grey, bits=12, coding=Coding(levels=3))
    yield "ht_blocks", htj2k.encode(np.tile(grey, (1, 3)), bits=12, coding=Coding(levels=1))
    yield "ht_tiles", htj2k.encode(grey, bits=12, coding=Coding(levels=2, tile=(17, 21)))
    yield "ht_colour", htj2k.encode(rgb, coding=plain)
    yield "ht_lossy", htj2k.encode(grey, bits=12, coding=plain, lossy=Lossy(psnr=50))
    yield "ht_colour_lossy", htj2k.encode(rgb, coding=plain, lossy=Lossy(psnr=40))
    yield "ht_16_bits", htj2k.encode(grey[:16, :16] << 4, bits=16, coding=plain)


def every() -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of all streams."""
    for name, arguments in PART_1.items():
        yield name, compress(*arguments)
    separated = compress(SEPARATED, (20, 24, 1), 8)
    yield "separated", separated
    yield "ppm", pack(separated, main=True)
    yield "ppt", pack(separated, main=False)
    tiles = compress(SEPARATED + " -t 13,13", (20, 24, 1), 8)
    yield "ppm_tiles", pack(tiles, main=True)
    yield "ppt_tiles", pack(tiles, main=False)
    colour = compress("-n 1 -b 8,8 -mct 0", (12, 12, 3), 8)
    coc = segment(0xFF53, bytes([1, 0, 0, 2, 2, 0, 1]))
    crg = segment(0xFF63, bytes(12))
    comment = segment(0xFF64, b"\x00\x01fuzz")
    yield "coc_crg_com", put_main(colour, coc, crg, comment)
    yield "subsampled", subsample(colour)
    yield "rgn", put_main(compress("-n 2", (16, 16, 1), 8), segment(0xFF5E, bytes([0, 0, 9])))
    yield from high_throughput()


def main() -> None:
    """Write all streams, and away with those that are none any more."""
    FOLDER.mkdir(exist_ok=True)
    made = dict(every())
    for old in FOLDER.glob("*.j2k"):
        if old.stem not in made:
            old.unlink()
    for name, data in made.items():
        (FOLDER / f"{name}.j2k").write_bytes(data)
    print(f"{len(made)} streams, {sum(map(len, made.values()))} bytes")


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "src")]
    main()
