from __future__ import annotations

import copy
import errno
import io
import mmap
import os
import sys
import threading

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from radkit.dicom.objects import open_object
from radkit.dicom.source import open_reader, safe_name
from radkit.errors import CorruptFile, MissingDependency, OptionError, TransferError

DATA = bytes(range(256)) * 40


class RawOnly:
    """A file object without fileno, whose reads are short."""

    def __init__(self, data, step=7):
        self.inner, self.step = io.BytesIO(data), step

    def read(self, size=-1):
        return self.inner.read(min(size, self.step) if size >= 0 else self.step)

    def seek(self, pos, whence=0):
        self.inner.seek(pos, whence)

    def tell(self):
        return self.inner.tell()


@pytest.fixture(
    params=[
        "path",
        "pathlike",
        "bytes",
        "bytearray",
        "view",
        "array",
        "mmap",
        "file",
        "unbuffered",
        "bytesio",
        "raw",
    ]
)
def source(request, tmp_path):
    path = tmp_path / "x.dcm"
    path.write_bytes(DATA)
    kind = request.param
    made = {
        "path": lambda: str(path),
        "pathlike": lambda: path,
        "bytes": lambda: DATA,
        "bytearray": lambda: bytearray(DATA),
        "view": lambda: memoryview(DATA),
        "array": lambda: np.frombuffer(DATA, np.uint16),
        "bytesio": lambda: io.BytesIO(DATA),
        "raw": lambda: RawOnly(DATA),
    }
    if kind in made:
        yield made[kind]()
        return
    with open(path, "rb", buffering=0 if kind == "unbuffered" else -1) as file:
        if kind != "mmap":
            yield file
            return
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        yield mapped


def test_reader_gives_exact_ranges_and_counts_them(source):
    with open_reader(source) as reader:
        assert reader.size == len(DATA)
        assert bytes(reader.read(0, 5)) == DATA[:5]
        assert bytes(reader.read(999, 1000)) == DATA[999:1999]
        assert bytes(reader.read(len(DATA) - 1, 1)) == DATA[-1:]
        assert bytes(reader.read(len(DATA), 0)) == b""
        assert reader.bytes_read == 1006
        for offset, size in ((0, len(DATA) + 1), (len(DATA), 1), (-1, 1), (0, -1), (1 << 70, 1)):
            with pytest.raises(CorruptFile):
                reader.read(offset, size)


def test_reader_of_a_path_serves_threads(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(DATA)
    wrong = []

    def work(reader, start):
        for i in range(start, 9000, 13):
            if bytes(reader.read(i, 50)) != DATA[i : i + 50]:
                wrong.append(i)

    for source in (path, io.BytesIO(DATA)):
        with open_reader(source) as reader:
            threads = [threading.Thread(target=work, args=(reader, n)) for n in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert not wrong


def test_reader_leaves_a_file_object_open_and_where_it_was():
    file = io.BytesIO(DATA)
    file.seek(17)
    with open_reader(file) as reader:
        reader.read(100, 100)
    assert file.tell() == 17


def test_reader_closed_raises_transfer_error(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(DATA)
    reader = open_reader(path)
    reader.close()
    reader.close()
    with pytest.raises(TransferError):
        reader.read(0, 1)
    file = io.BytesIO(DATA)
    reader = open_reader(file)
    file.close()
    with pytest.raises(TransferError):
        reader.read(0, 1)
    reader.close()


def test_reader_of_a_file_that_shrinks_raises(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(DATA)
    with open_reader(path) as reader:
        os.truncate(path, 100)
        with pytest.raises(CorruptFile):
            reader.read(50, 100)


def test_open_missing_and_directory_keep_errno(tmp_path):
    with pytest.raises(TransferError) as caught:
        open_reader(tmp_path / "none")
    assert caught.value.errno == errno.ENOENT
    assert isinstance(caught.value, OSError)
    assert "none" not in str(caught.value)
    with pytest.raises(TransferError) as caught:
        open_reader(tmp_path)
    assert caught.value.errno == errno.EISDIR
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TransferError):
        open_reader(tmp_path / "pipe")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_open_without_permission_raises_transfer_error(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(DATA)
    path.chmod(0)
    with pytest.raises(TransferError) as caught:
        open_reader(path)
    assert caught.value.errno == errno.EACCES


@pytest.mark.parametrize("source", [b"", io.BytesIO()])
def test_open_empty_raises_corrupt_file(source):
    with pytest.raises(CorruptFile):
        open_reader(source)


def test_open_empty_path_raises_corrupt_file(tmp_path):
    path = tmp_path / "x"
    path.touch()
    with pytest.raises(CorruptFile):
        open_reader(path)


def test_open_url_reads_ranges_through_fsspec(monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    data = bytes(range(256)) * 1000
    with fsspec.open("memory://radkit/a.dcm", "wb") as file:
        file.write(data)
    with open_reader("memory://radkit/a.dcm") as reader:
        assert (reader.size, reader.name) == (len(data), "memory://radkit/a.dcm")
        assert bytes(reader.read(1000, 5000)) == data[1000:6000]
    with pytest.raises(TransferError):
        open_reader("memory://radkit/absent.dcm")
    with pytest.raises(OptionError, match="does not know"):
        open_reader("nosuch://host/a.dcm")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingDependency, match="fsspec"):
        open_reader("s3://bucket/a.dcm")


@pytest.mark.parametrize(
    "source", [None, 5, object(), ["a"], np.zeros((4, 4))[:, ::2], io.StringIO("text")]
)
def test_open_wrong_type_raises_type_error(source):
    with pytest.raises(TypeError):
        open_reader(source).read(0, 1)


def test_open_path_with_nul_raises_option_error():
    with pytest.raises(OptionError):
        open_reader("a\0b")


def test_open_file_object_that_cannot_seek_raises_option_error():
    first, second = os.pipe()
    with os.fdopen(first, "rb") as file, os.fdopen(second, "wb"), pytest.raises(OptionError):
        open_reader(file)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # pydicom, when compared
@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_implicit.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_RLE.dcm",
        "image_dfl.dcm",
        "JPEG2000.dcm",
        "rtdose.dcm",
        "reportsi.dcm",
    ],
)
def test_open_dataset_equals_its_file(name):
    path = get_testdata_file(name)
    dataset = pydicom.dcmread(path)
    before = copy.deepcopy(dataset)
    with open_object(path) as file, open_object(dataset) as mine:
        assert mine.syntax is file.syntax
        tags = [e.tag for e in file.elements if e.tag & 0xFFFF]
        assert [e.tag for e in mine.elements if e.tag & 0xFFFF] == tags
        for tag in tags:
            if file.pixels is None or tag != file.pixels.tag:
                assert mine.elements.raw(tag) == file.elements.raw(tag), hex(tag)
        assert (mine.pixels is None) == (file.pixels is None)
        if file.pixels is not None and file.pixels.length >= 0:
            assert mine.elements.raw(mine.pixels.tag) == file.elements.raw(file.pixels.tag)
    assert dataset == before


def test_open_dataset_does_not_copy_its_pixels():
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    with open_object(dataset) as mine:
        view = mine.reader.read(mine.pixels.value, mine.pixels.length)
        assert view.obj is dataset.PixelData or view.obj == dataset.PixelData
        assert np.shares_memory(
            np.frombuffer(view, np.uint8), np.frombuffer(dataset.PixelData, np.uint8)
        )


def test_open_dataset_without_meta_is_explicit():
    dataset = pydicom.Dataset()
    dataset.Rows = dataset.Columns = 2
    dataset.SmallestImagePixelValue = 0  # an ambiguous VR
    dataset.PixelRepresentation = 0
    dataset.PixelData = b"abc"
    dataset["PixelData"].VR = "OB"
    with open_object(dataset) as mine:
        assert mine.syntax.name == "explicit-le"
        assert mine.elements.ints(0x00280010) == (2,)
        assert bytes(mine.elements.raw(0x7FE00010)) == b"abc\0"
        assert mine.elements.get(0x00280106).vr == "US"
    assert dataset["SmallestImagePixelValue"].VR == "US or SS"


def test_open_dataset_that_cannot_be_written_raises_corrupt_file():
    dataset = pydicom.Dataset()
    dataset.Rows = 1
    with pydicom.config.disable_value_validation():
        dataset["Rows"]._value = "no number"
    with pytest.raises(CorruptFile):
        open_reader(dataset)


NAMES = [
    "..",
    ".",
    "",
    "/",
    "../../etc/passwd",
    "a\\b",
    "1.2\0",
    "CON",
    "NUL.dcm",
    "1" * 300,
    "\ud800",
    " ",
    "~",
    "-rf",
    "1.2.840.10008",
]


@pytest.mark.parametrize("uid", NAMES)
def test_safe_name_is_plain_whatever_the_uid(uid):
    name = safe_name(uid)
    assert name.isascii() and name.isalnum() and 8 <= len(name) <= 64 and name[0] == "x"
    assert name == safe_name(uid)


def test_safe_name_differs_by_uid():
    assert len({safe_name(uid) for uid in NAMES}) == len(NAMES)
    with pytest.raises(TypeError):
        safe_name(None)
