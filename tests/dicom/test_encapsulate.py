"""Offset tables, items and padding, held against pydicom; the spool."""

from __future__ import annotations

import errno
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.encaps import generate_frames, parse_basic_offsets

from radkit.dicom import encapsulate
from radkit.dicom.encapsulate import FrameSpool, encapsulated_element, offset_tables
from radkit.errors import EncodeError, TransferError

frames_of = st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=8)


@given(frames_of)
@settings(max_examples=60, deadline=None)
def test_pydicom_finds_the_frames(frames: list[bytes]) -> None:
    tables = offset_tables([len(f) for f in frames])
    data = b"".join(encapsulated_element(frames, tables))
    assert len(data) == tables.size and tables.extended is None
    assert data[:12] == bytes.fromhex("e07f1000") + b"OB\0\0\xff\xff\xff\xff"
    body = io.BytesIO(data[12:])
    assert len(parse_basic_offsets(body)) == len(frames)
    read = list(generate_frames(data[12:], number_of_frames=len(frames)))
    assert read == [f + bytes(len(f) & 1) for f in frames]


@given(frames_of)
@settings(max_examples=60, deadline=None)
def test_extended_table_beyond_the_reach_of_the_basic_one(frames: list[bytes]) -> None:
    tables = offset_tables([len(f) for f in frames], basic_reach=-1)
    assert tables.extended is not None and tables.lengths is not None
    assert tables.basic == struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    data = b"".join(encapsulated_element(frames, tables))
    read = list(
        generate_frames(
            data[12:],
            number_of_frames=len(frames),
            extended_offsets=(tables.extended, tables.lengths),
        )
    )
    assert read == frames


def test_offsets_past_four_gigabytes_change_the_table() -> None:
    assert offset_tables([0xFFFFFFF6, 0x20]).extended is None  # the last offset is 0xFFFFFFFE
    beyond = offset_tables([0xFFFFFFF8, 0x21, 0x20])
    assert beyond.extended is not None and beyond.lengths is not None
    assert list(np.frombuffer(beyond.extended, "<u8")) == [0, 1 << 32, (1 << 32) + 0x2A]
    assert list(np.frombuffer(beyond.lengths, "<u8")) == [0xFFFFFFF8, 0x21, 0x20]


def test_fragment_that_is_too_large_is_refused() -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return 0xFFFFFFFF

    with FrameSpool() as spool, pytest.raises(EncodeError):
        spool.append(Huge())


@given(st.lists(st.binary(max_size=50), max_size=12), st.integers(0, 120))
@settings(max_examples=60, deadline=None)
def test_spool_gives_back_what_it_took(frames: list[bytes], in_memory: int) -> None:
    with FrameSpool(in_memory=in_memory) as spool, FrameSpool() as other:
        for frame in frames:
            spool.append(frame)
            other.append(frame)
        assert list(spool) == list(spool) == frames
        assert spool.sizes == [len(f) for f in frames]
        assert spool.total == sum(spool.sizes)
        assert spool.digest == other.digest


def test_spool_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**options: object) -> object:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(encapsulate.tempfile, "TemporaryFile", full)
    with FrameSpool(tmp_path, in_memory=0) as spool, pytest.raises(TransferError):
        spool.append(b"1234")
