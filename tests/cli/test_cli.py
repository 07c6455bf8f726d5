from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest

import radkit
from radkit.cli import main
from radkit.cli.common import exit_code, worst
from radkit.errors import (
    CorruptFile,
    LimitExceeded,
    OptionError,
    TransferError,
    VerificationError,
)
from radkit.geometry import apply
from radkit.testing import sample, write_series
from radkit.volume import load_volume

CT, MR, REPORT = (str(sample(name)) for name in ("ct", "mr", "report"))


def lines(capsys):
    """Return the objects on stdout, and what stderr says."""
    told = capsys.readouterr()
    return [json.loads(line) for line in told.out.splitlines()], told.err


def test_exit_codes_are_those_of_the_interface():
    pairs = [
        (CorruptFile, 1),
        (OptionError, 2),
        (LimitExceeded, 3),
        (VerificationError, 4),
        (TransferError, 5),
    ]
    for kind, code in pairs:
        assert exit_code(kind("x")) == code
    assert worst([0, 1, 3, 4]) == 4
    assert worst([0, 0]) == 0
    assert worst([0, 1, 3]) == 3


def test_version_names_foreign_codecs(capsys):
    assert main(["--version"]) == 0
    told = capsys.readouterr().out
    for name in ("radkit", "imagecodecs", "openjph", "charls", "libjpeg_turbo"):
        assert name in told


@pytest.mark.parametrize("command", ["inspect", "transcode", "preview", "reformat", "bench"])
def test_help_is_there(command, capsys):
    assert main([command, "--help"]) == 0
    assert "--limits" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["inspect"],
        ["nonsense"],
        ["transcode", CT],
        ["transcode", CT, "-o", "x.dcm", "-s", "nonsense"],
        ["transcode", CT, "-o", "x.dcm", "-s", "jpeg-baseline"],
        ["transcode", CT, "-o", "x.dcm", "--ratio", "0.5"],
        ["transcode", CT, "-o", "x.dcm", "--ratio", "8", "--psnr", "50"],
        ["preview", CT, "-o", "x", "--window", "wide"],
        ["inspect", CT, "--limits", "max_pixels"],
        ["inspect", CT, "--limits", "max_pixels=many"],
        ["inspect", CT, "--limits", "max_nothing=3"],
        ["reformat", CT, "-o", "x.tif", "--plane", "axial"],
        ["reformat", CT, "-o", "x.png", "--plane", "upright"],
        ["reformat", CT, "-o", "x.png", "--plane", "oblique:1,2,3"],
        ["reformat", CT, "-o", "x.png", "--plane", "axial", "--slab", "thick"],
        ["reformat", CT, "-o", "x.png", "--plane", "axial", "--slab", "5:median"],
        ["reformat", CT, "-o", "x.png", "--plane", "axial", "--window", "sunny"],
        ["reformat", CT, "-o", "x.png", "--plane", "axial", "--sheet", "5"],
        ["reformat", CT, "-o", "x.png", "--plane", "axial", "--sheet", "0x2"],
        ["reformat", CT, "-o", "x.npy", "--plane", "axial", "--sheet", "2x2"],
        ["reformat", CT, "-o", "x", "--plane", "axial", "--stack", "--sheet", "2x2"],
        ["reformat", CT, "-o", "x.png", "--plane", "axial", "--step", "2"],
        ["reformat", CT, "-o", "x.png", "--plane", "axial", "--interpolation", "magic"],
    ],
)
def test_wrong_use_gives_2(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err
    assert list(tmp_path.iterdir()) == []


# inspect


def test_inspect_json_is_a_line_per_file(capsys):
    assert main(["inspect", "--json", CT, MR]) == 0
    found, _ = lines(capsys)
    assert [one["source"] for one in found] == [CT, MR]
    assert found[0]["shape"] == [1, 128, 128]
    assert found[0]["syntax"]["name"] == "explicit-le"


def test_inspect_goes_on_after_a_bad_file(tmp_path, capsys):
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(b"nothing of the kind" * 20)
    assert main(["inspect", "--json", str(bad), CT]) == 1
    found, _ = lines(capsys)
    assert found[0]["error"] == "CorruptFile"
    assert found[1]["dtype"] == "int16"


def test_inspect_deep_tells_the_bytes_of_resolutions(capsys):
    source = str(sample("us_j2k"))
    assert main(["inspect", "--deep", "--json", source]) == 0
    (told,), _ = lines(capsys)
    (frame,) = told["coded_bytes"]
    assert len(frame) == told["codestream"]["reductions"] + 1
    assert 0 < sum(map(sum, frame)) < told["pixel_bytes"]
    assert main(["inspect", "--deep", source]) == 0
    text = capsys.readouterr().out
    whole = told["shape"][1:3]
    assert f"{whole[0]} x {whole[1]}: {sum(frame[-1]):,} bytes" in text
    assert text.count("up to here") == len(frame)


def test_inspect_shows_no_patient_values(tmp_path, capsys):
    ds = pydicom.dcmread(CT)
    ds.PatientName, ds.PatientID = "Secret^Name", "SECRET42"
    ds.save_as(tmp_path / "ct.dcm")
    for words in (["inspect"], ["inspect", "--json"], ["inspect", "-vv"]):
        main([*words, str(tmp_path / "ct.dcm")])
        told = capsys.readouterr()
        assert "ecret" not in (told.out + told.err).lower().replace("secret.dcm", "")


def test_limits_give_3(capsys):
    assert main(["inspect", CT, "--limits", "untrusted", "--limits", "max_pixels=100"]) == 3
    assert "max_pixels" in capsys.readouterr().err
    assert main(["inspect", CT, "--limits", "untrusted"]) == 0


# transcode


def test_transcode_one_file(tmp_path, capsys):
    dest = tmp_path / "new" / "ct.dcm"
    assert main(["transcode", CT, "-o", str(dest), "-s", "rle", "--json"]) == 0
    (found,), _ = lines(capsys)
    assert found["max_error"] == 0
    assert found["bytes_out"] == dest.stat().st_size
    assert np.array_equal(pydicom.dcmread(dest).pixel_array, pydicom.dcmread(CT).pixel_array)


def test_transcode_folder_keeps_tree_and_counts(tmp_path, capsys):
    write_series(tmp_path / "in" / "a", slices=2)
    write_series(tmp_path / "in" / "b", slices=3, seed="b")
    words = ["transcode", str(tmp_path / "in"), "-o", str(tmp_path / "out")]
    assert main(words) == 0
    assert "5 transcoded" in capsys.readouterr().out
    made = sorted(p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.dcm"))
    assert made == sorted(p.relative_to(tmp_path / "in") for p in (tmp_path / "in").rglob("*.dcm"))
    assert main([*words, "--json"]) == 0
    found, err = lines(capsys)
    assert len(found) == 5
    assert "earlier run" in err


def test_transcode_lists_what_failed(tmp_path, capsys):
    folder = write_series(tmp_path / "in", slices=2)
    bad = folder / "0001.dcm"
    bad.write_bytes(bad.read_bytes()[:-200])
    words = ["transcode", str(folder), "-o", str(tmp_path / "out"), "--on-error", "skip"]
    assert main([*words, "--json"]) == 1
    found, err = lines(capsys)
    assert sum("error" in one for one in found) == 1
    assert "0001.dcm" in err
    assert not (tmp_path / "out" / "0001.dcm").exists()


# preview


def test_preview_writes_pictures(tmp_path, capsys):
    import imagecodecs

    out = tmp_path / "out"
    code = main(["preview", CT, REPORT, MR, "-o", str(out), "--size", "64", "--json"])
    assert code == 1
    found, err = lines(capsys)
    assert "reportsi.dcm" in err
    paths = [one["path"] for one in found if "path" in one]
    assert paths == [str(out / "CT_small.png"), str(out / "MR_small.png")]
    picture = imagecodecs.png_decode(Path(paths[0]).read_bytes())
    assert picture.shape == (64, 64)


def test_preview_of_equal_names_makes_two_files(tmp_path, capsys):
    a, b = (write_series(tmp_path / name, slices=1, seed=name) for name in "ab")
    words = ["preview", str(a / "0000.dcm"), str(b / "0000.dcm"), "-o", str(tmp_path / "out")]
    assert main([*words, "--window", "100,200"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0000-2.png", "0000.png"]


# reformat


def test_reformat_writes_stored_values(tmp_path, capsys):
    folder = write_series(
        tmp_path / "in", np.arange(4 * 5 * 6, dtype="uint16").reshape(4, 5, 6), spacing=(2.0, 2.0)
    )
    out = tmp_path / "plane.npy"
    words = ["reformat", str(folder), "-o", str(out), "--plane", "coronal@4", "--json"]
    assert main(words) == 0
    (found,), _ = lines(capsys)
    assert found["shape"] == [4, 6]
    expected = np.arange(120).reshape(4, 5, 6)[::-1, 2]
    assert np.array_equal(np.load(out), expected)


def test_reformat_writes_a_picture_of_a_slab(tmp_path, capsys):
    folder = write_series(tmp_path / "in")
    out = tmp_path / "plane.png"
    words = ["reformat", str(folder), "-o", str(out), "--plane", "oblique:5,7,7,0.3,0.4,0.9"]
    assert main([*words, "--slab", "4:mean", "--spacing", "0.5", "--window", "400,900"]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    assert "0.5 mm" in capsys.readouterr().out


def test_reformat_knows_windows_by_name_and_of_the_header(tmp_path):
    def hounsfield(_, ds):
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, -1024, "HU"
        ds.WindowCenter, ds.WindowWidth = [-700, 40], [300, 400]

    array = (np.arange(4 * 5 * 600, dtype="uint16") % 1500).reshape(4, 5, 600)
    folder = write_series(tmp_path / "in", array, edit=hounsfield)
    pictures = []
    for window in ("lung", "-600,1500", "header", "-700,300"):
        out = tmp_path / "plane.png"
        words = ["reformat", str(folder), "-o", str(out), "--plane", "axial"]
        assert main([*words, "--window", window]) == 0
        pictures.append(out.read_bytes())
    assert pictures[0] == pictures[1] != pictures[2] == pictures[3]


def test_reformat_writes_a_stack_as_dicom(tmp_path, capsys):
    folder = write_series(tmp_path / "in")
    out = tmp_path / "out"
    words = ["reformat", str(folder), "-o", str(out), "--plane", "coronal", "--stack", "--json"]
    assert main([*words, "--step", "3", "--syntax", "htj2k-lossless"]) == 0
    (found,), _ = lines(capsys)
    stack, source = load_volume(out), load_volume(folder)
    assert list(stack.shape) == found["shape"] == [5, 32, 24]
    assert stack.spacing[0] == pytest.approx(3)
    # The middle slice of an odd number goes through the middle of the volume.
    middle = apply(stack.affine, [(n - 1) / 2 for n in stack.shape])
    assert middle == pytest.approx(source.centre, abs=1e-6)
    assert len(list(out.iterdir())) == 5


def test_reformat_writes_one_derived_image(tmp_path):
    folder = write_series(tmp_path / "in")
    out = tmp_path / "plane.dcm"
    words = ["reformat", str(folder), "-o", str(out), "--plane", "sagittal", "--slab", "2:mean"]
    assert main([*words, "--interpolation", "cubic", "-q"]) == 0
    ds = pydicom.dcmread(out)
    assert list(ds.ImageType) == ["DERIVED", "SECONDARY", "MPR", "AVERAGE"]
    assert ds.SOPInstanceUID not in load_volume(folder).instances


def test_reformat_writes_a_contact_sheet(tmp_path, capsys):
    folder = write_series(tmp_path / "in", spacing=(0.5, 0.5), step=0.5)
    out = tmp_path / "sheet.png"
    words = ["reformat", str(folder), "-o", str(out), "--plane", "axial", "--sheet", "4x2"]
    assert main([*words, "--window", "500,1000", "--json"]) == 0
    (found,), _ = lines(capsys)
    assert found["planes"] == 8 and found["shape"] == [40, 96]
    sheet = imagecodecs.png_decode(out.read_bytes())
    volume = load_volume(folder)
    for k in range(8):
        tile = sheet[20 * (k // 4) :, 24 * (k % 4) :][:20, :24]
        assert np.array_equal(tile, radkit.render(volume.values()[k], window=(500, 1000)))
    assert main([*words, "--step", "0.25"]) == 0


def test_reformat_of_no_volume_gives_1(tmp_path, capsys):
    assert main(["reformat", REPORT, "-o", str(tmp_path / "x.png"), "--plane", "axial"]) == 1
    assert "no pixel data" in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()


def test_unwritable_output_gives_5(tmp_path, capsys):
    folder = write_series(tmp_path / "in")
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "x.png"
    assert main(["reformat", str(folder), "-o", str(out), "--plane", "axial"]) == 5
    assert "making the folder of the results failed" in capsys.readouterr().err


# bench


def test_bench_measures_given_files(tmp_path, capsys, monkeypatch):
    import importlib

    monkeypatch.setattr(importlib.import_module("radkit.cli.bench"), "ROUNDS", 1)
    folder = write_series(tmp_path, slices=3)
    for kind in ("decode", "transcode", "preview", "reformat"):
        assert main(["bench", kind, "--data", str(folder), "--rivals", "all", "--json"]) == 0
        found, _ = lines(capsys)
        assert all(one["seconds"]["radkit"] > 0 for one in found)
        assert len(found) == (4 if kind == "reformat" else 3)


# The process


def run(*words, **options):
    command = [sys.executable, "-m", "radkit.cli", *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def heeding_interrupts():
    """Undo what a background job inherits: ignoring SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_interruption_gives_130(tmp_path):
    fifo = tmp_path / "never.dcm"
    os.mkfifo(fifo)
    # Opening a pipe that nobody writes to waits; the signal ends the wait.
    code = (
        "import signal, sys; signal.alarm(30)\n"
        "from radkit.cli import main, main as m\n"
        "import radkit.cli.inspect, os\n"
        "import radkit.pixels\n"
        "def wait(*a, **k): print('ready', flush=True); open(sys.argv[1])\n"
        "radkit.pixels.inspect = wait\n"
        "sys.exit(main(['inspect', sys.argv[1]]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(fifo)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeding_interrupts,
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "safe to run again" in err


def test_closed_stdout_is_no_error():
    process = run("inspect", "--json", CT)
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_full_stdout_gives_5_and_no_traceback():
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    for words in (["inspect", CT], ["inspect", "--json", CT], ["--version"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "radkit.cli", *words],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
            )
        assert done.returncode == 5, done.stderr
        assert done.stderr == "radkit: cannot write results: No space left on device\n"


def test_json_of_a_name_that_is_no_text_is_json(tmp_path):
    path = os.fsencode(tmp_path) + b"/bild-\xff.dcm"
    try:
        Path(os.fsdecode(path)).write_bytes(Path(CT).read_bytes())
    except OSError:
        pytest.skip("this file system wants UTF-8")
    done = subprocess.run(
        [sys.executable, "-m", "radkit.cli", "inspect", "--json", path],
        capture_output=True,
        timeout=60,
    )
    assert os.fsencode(json.loads(done.stdout.decode())["source"]) == path


def test_tables_wrap_nothing_in_a_pipe(tmp_path):
    folder = tmp_path / ("a long name " * 12).strip()
    folder.mkdir()
    path = folder / "ct.dcm"
    path.write_bytes(Path(CT).read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "radkit.cli", "inspect", path],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[0] == str(path)


def test_names_cannot_steer_the_terminal(tmp_path, capsys):
    path = tmp_path / "\x1b[2J\x07.dcm"
    path.write_bytes(b"no DICOM")
    assert main(["inspect", str(path)]) == 1
    told = capsys.readouterr()
    assert "\x1b" not in told.err and "\\x1b[2J" in told.err


@pytest.mark.parametrize(
    "words",
    [
        ["transcode", "in", "-o", "out", "-vv"],
        ["transcode", "in", "-o", "out", "--json", "-vv"],
        ["transcode", "in/a.dcm", "-o", "new.dcm", "-vv"],
        ["transcode", "in", "-o", "out", "-s", "jpeg2000", "--ratio", "5", "-vv"],
        ["preview", "in/a.dcm", "in/cut.dcm", "-o", "out", "-vv"],
        ["reformat", "in", "-o", "x.png", "--plane", "axial", "-vv"],
        ["inspect", "in/a.dcm", "in/cut.dcm", "--json", "-vv"],
        ["bench", "decode", "--data", "in", "-vv"],
    ],
)
def test_no_command_tells_patient_values(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    secrets = {
        "PatientName": "Zwetschge^Xaver",
        "PatientID": "QX-77-4711",
        "AccessionNumber": "ACC0815Z",
        "InstitutionName": "Hospital of Nowhere",
    }
    Path("in").mkdir()
    for name, source in (("a.dcm", CT), ("b.dcm", MR), ("report.dcm", REPORT)):
        ds = pydicom.dcmread(source)
        for keyword, value in secrets.items():
            setattr(ds, keyword, value)
        ds.WindowCenter, ds.WindowWidth = "40", "0"  # gives a message
        ds.save_as(Path("in") / name)
    Path("in/cut.dcm").write_bytes(Path("in/a.dcm").read_bytes()[:-3000])
    main(words)
    told = capsys.readouterr()
    assert told.out + told.err
    for value in secrets.values():
        assert value not in told.out + told.err
