"""transcode_many: trees, order, failures, resuming, kills."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from objects_made import ct, encoded, read

from radkit import limits
from radkit.codecs.options import Lossy
from radkit.dicom.source import safe_name
from radkit.dicom.write import OWN_FOLDER
from radkit.errors import (
    CorruptPixelData,
    EncodeError,
    LimitExceeded,
    MissingDependency,
    OptionError,
    RadkitError,
    TransferError,
    TruncatedPixelData,
)
from radkit.transcoding.many import transcode_many
from radkit.transcoding.results import Transcoded


def image(number: int, **more: object) -> bytes:
    rng = np.random.default_rng(number)
    base = np.add.outer(np.arange(40), np.arange(48)) * 20
    pixels = (base + rng.integers(0, 50, (40, 48))).astype(np.uint16)
    return encoded(ct(pixels, SOPInstanceUID=f"1.2.3.{number}", **more))


def broken(number: int) -> bytes:
    return image(number)[:-200]


def report_object() -> bytes:
    ds = ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Modality="SR")
    del ds.PixelData, ds.Rows, ds.Columns
    return encoded(ds)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    for name, data in {
        "s1/1.dcm": image(1),
        "s1/2.dcm": image(2),
        "s2/IM0001": image(3),
        "s2/sr.dcm": report_object(),
        "s2/zz-broken.dcm": broken(4),
        "notes.txt": b"not an object, and long enough to be looked at" * 10,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and OWN_FOLDER not in path.parts
    }


def test_the_same_tree_comes_out(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = transcode_many(study, out, "htj2k-lossless-rpcl")
    assert list(tree(out)) == ["s1/1.dcm", "s1/2.dcm", "s2/IM0001", "s2/sr.dcm", "s2/zz-broken.dcm"]
    sources = [str(source.relative_to(study)) for source, _ in report]
    assert sources == list(tree(out))
    kinds = [r.way if isinstance(r, Transcoded) else type(r).__name__ for _, r in report]
    assert kinds == ["pixels"] * 3 + ["copied", "TruncatedPixelData"]
    assert (report.transcoded, report.copied, len(report.failed)) == (3, 1, 1)
    assert [path.name for path in report.skipped] == ["notes.txt"]
    assert (out / "s2/zz-broken.dcm").read_bytes() == broken(4)
    assert (out / "s2/sr.dcm").read_bytes() == report_object()
    assert read(out / "s1/1.dcm").file_meta.TransferSyntaxUID.endswith(".4.202")
    assert str(report).startswith(
        "5 objects: 3 transcoded, 1 copied, 1 failed, 1 other files skipped; "
    )
    assert report.bytes_out == sum((out / n).stat().st_size for n in list(tree(out))[:4])
    parsed = json.loads(report.to_json())
    assert parsed["objects"][0]["max_error"] == 0
    assert parsed["objects"][4]["error"] == "TruncatedPixelData"


@pytest.mark.parametrize("on_error", ["skip", "raise"])
def test_failures_as_asked(study: Path, tmp_path: Path, on_error: str) -> None:
    out = tmp_path / "out"
    if on_error == "raise":
        with pytest.raises(TruncatedPixelData):
            transcode_many(study, out, "rle", on_error="raise")
    else:
        report = transcode_many(study, out, "rle", on_error="skip")
        assert isinstance(report.failed[0][1], CorruptPixelData)
    assert not (out / "s2/zz-broken.dcm").exists()


def test_signed_object_is_passed_on(tmp_path: Path) -> None:
    source = image(1)
    signed = read(source)
    signed.add_new(0xFFFAFFFA, "SQ", [])
    data = encoded(signed)
    report = transcode_many([data], tmp_path / "out", "rle")
    assert isinstance(report.failed[0][1], EncodeError)
    assert (tmp_path / "out" / (safe_name("1.2.3.1") + ".dcm")).read_bytes() == data


@pytest.mark.parametrize("engine", ["threads", "executor", "processes"])
def test_engines_give_the_same_bytes(study: Path, tmp_path: Path, engine: str) -> None:
    transcode_many(study, tmp_path / "a", "jpegls-lossless", workers=1)
    with ThreadPoolExecutor(3) as pool:
        chosen = pool if engine == "executor" else engine
        report = transcode_many(study, tmp_path / "b", "jpegls-lossless", engine=chosen, workers=2)
        assert pool.submit(int).result() == 0  # the caller's executor stays open
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert isinstance(report.failed[0][1], TruncatedPixelData)


def test_absent_dask_is_a_missing_dependency(study: Path, tmp_path: Path) -> None:
    try:
        import distributed  # noqa: F401
    except ImportError:
        with pytest.raises(MissingDependency, match="dask"):
            transcode_many(study, tmp_path / "out", "rle", engine="dask")


@pytest.mark.parametrize(
    "options",
    [{"workers": 0}, {"on_error": "ignore"}, {"engine": "rockets"}, {"lossy": Lossy(ratio=3)}],
)
def test_senseless_options(study: Path, tmp_path: Path, options: dict) -> None:
    with pytest.raises(OptionError):
        transcode_many(study, tmp_path / "out", "rle", **options)


def test_second_run_does_only_what_is_missing(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = transcode_many(study, out, "rle")
    before = tree(out)
    times = {name: (out / name).stat().st_mtime_ns for name in before}
    again = transcode_many(study, out, "rle")
    assert again.resumed == 4 and tree(out) == before
    same = [name for name in before if (out / name).stat().st_mtime_ns == times[name]]
    assert same == [name for name in before if "broken" not in name]
    for (_, a), (_, b) in zip(first, again, strict=True):
        if isinstance(a, Transcoded):
            assert (a.sha256, a.bytes_out, a.ratio, a.syntax) == (
                b.sha256,
                b.bytes_out,
                b.ratio,
                b.syntax,
            )
    # A result that is damaged, gone, or of a changed source is made again.
    (out / "s1/1.dcm").write_bytes(b"x" * (out / "s1/1.dcm").stat().st_size)
    (out / "s1/2.dcm").unlink()
    (study / "s2/IM0001").write_bytes(image(33))
    third = transcode_many(study, out, "rle")
    assert third.resumed == 1
    after = tree(out)
    assert after["s1/1.dcm"] == before["s1/1.dcm"] and after["s1/2.dcm"] == before["s1/2.dcm"]
    assert after["s2/IM0001"] != before["s2/IM0001"]
    assert transcode_many(study, out, "rle", resume=False).resumed == 0
    # Another syntax is another job.
    assert transcode_many(study, out, "htj2k").resumed == 0


def test_lossy_gives_a_map_of_instances(study: Path, tmp_path: Path) -> None:
    for _ in range(2):  # the second time out of the ledger
        report = transcode_many(study, tmp_path / "out", "htj2k", lossy=Lossy(ratio=20))
        assert sorted(report.uid_map) == ["1.2.3.1", "1.2.3.2", "1.2.3.3"]
        for name, old in (("s1/1.dcm", "1.2.3.1"), ("s2/IM0001", "1.2.3.3")):
            assert read(tmp_path / "out" / name).SOPInstanceUID == report.uid_map[old]


def test_globs_iterables_and_objects_without_paths(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = transcode_many(str(study / "*" / "*.dcm"), out / "g", "rle", on_error="skip")
    assert list(tree(out / "g")) == ["s1/1.dcm", "s1/2.dcm", "s2/sr.dcm"]
    assert len(report) == 4
    mixed = [study / "s2" / "IM0001", study / "s1", io.BytesIO(image(8)), image(9)]
    report = transcode_many(mixed, out / "m", "rle")
    assert not report.failed
    names = set(tree(out / "m"))
    assert {"s2/IM0001", "s1/1.dcm", "s1/2.dcm"} < names
    assert {safe_name(f"1.2.3.{n}") + ".dcm" for n in (8, 9)} < names
    with pytest.raises(OptionError):
        transcode_many(str(study / "*.nothing"), out / "n", "rle")
    with pytest.raises(TransferError):
        transcode_many(study / "nowhere", out / "n", "rle")


def test_dest_inside_the_sources_is_left_out(study: Path) -> None:
    first = transcode_many(study, study / "out", "rle")
    again = transcode_many(study, study / "out", "rle")
    assert len(first) == len(again) == 5
    with pytest.raises(OptionError):
        transcode_many(study, study, "rle")


def test_unnamed_source_that_is_no_object_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(b"nothing" * 100)
    report = transcode_many([path, b"junk" * 99], tmp_path / "out", "rle")
    assert len(report.failed) == 2 and not report.skipped


def test_progress_ends_at_the_total(study: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    transcode_many(study, tmp_path / "out", "rle", progress=lambda *now: seen.append(now))
    assert seen[-1] == (6, 6)
    assert seen == sorted(seen) and len(seen) <= 12


def test_limits_reach_the_workers(study: Path, tmp_path: Path) -> None:
    for engine in ("threads", "processes"):
        with limits.use(max_pixels=100):
            report = transcode_many(study, tmp_path / engine, "rle", engine=engine, workers=1)
        assert all(isinstance(error, LimitExceeded) for _, error in report.failed)
        assert len(report.failed) == 4


def test_two_runs_into_one_folder_are_refused(study: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    out = tmp_path / "out"

    def second(done: int, total: int) -> None:
        if done < total:  # the last call comes after the run
            with pytest.raises(TransferError, match="another run"):
                transcode_many(study, out, "rle")
            refused.append(done)

    refused: list[int] = []
    transcode_many(study, out, "rle", progress=second)
    assert refused


def test_error_in_the_report_holds_no_patient_value(study: Path, tmp_path: Path) -> None:
    report = transcode_many(study, tmp_path / "out", "rle")
    (_, error), *_ = report.failed
    assert isinstance(error, RadkitError) and error.__traceback__ is None
    assert "study" not in str(error) and error.source is not None


RUN = """
import sys
from radkit.transcoding.many import transcode_many
print("go", flush=True)
transcode_many(sys.argv[1], sys.argv[2], "htj2k-lossless-rpcl", workers=2)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("kills", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_killed_at_any_moment_nothing_is_half(tmp_path: Path, kills: int) -> None:
    study, out = tmp_path / "study", tmp_path / "out"
    study.mkdir()
    for number in range(30):
        (study / f"{number:03d}.dcm").write_bytes(image(number))
    transcode_many(study, tmp_path / "wanted", "htj2k-lossless-rpcl")
    wanted = tree(tmp_path / "wanted")
    source = str(Path(__file__).parents[2] / "src")
    environment = os.environ | {"PYTHONPATH": source}
    dice = random.Random(4)
    met: set[int] = set()
    for _ in range(kills):
        child = subprocess.Popen(
            [sys.executable, "-c", RUN, str(study), str(out)],
            env=environment,
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        with child.stdout:
            child.stdout.readline()  # it has imported all, and begins
            goal = dice.randrange(1, 30)
            while child.poll() is None and len(list(out.glob("*.dcm"))) < goal:
                time.sleep(0.001)
            time.sleep(dice.uniform(0.0, 0.01))
            child.send_signal(signal.SIGKILL)
            child.wait()
        if not out.exists():
            continue
        finished = {name: sha for name, sha in tree(out).items() if ".part-" not in name}
        assert finished.items() <= wanted.items()
        met.add(len(finished))
        for name in dice.sample(sorted(finished), len(finished) // 2):
            (out / name).unlink()
    assert len(met) > 1, "the kills must come at different moments"
    transcode_many(study, out, "htj2k-lossless-rpcl")
    assert tree(out) == wanted


COLD = """
import sys
from radkit.transcoding.many import transcode_many
for number in range(2):
    report = transcode_many(sys.argv[1], f"{sys.argv[2]}{number}", "htj2k-lossless", workers=4)
    assert not report.failed, report.failed
"""


@pytest.mark.parametrize("starts", [2, pytest.param(25, marks=pytest.mark.slow)])
def test_first_frames_of_several_threads_are_sound(tmp_path: Path, starts: int) -> None:
    """OpenJPH fills its tables at first use, without a lock."""
    study = tmp_path / "study"
    study.mkdir()
    for number in range(8):
        (study / f"{number}.dcm").write_bytes(image(number))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    for start in range(starts):
        out = str(tmp_path / f"out{start}-")
        command = [sys.executable, "-c", COLD, str(study), out]
        subprocess.run(command, env=environment, check=True)
        assert tree(Path(f"{out}0")) == tree(Path(f"{out}1"))
