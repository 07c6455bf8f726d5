"""Every row of the bad-input table: the right error, by its name, in time, and nothing written."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.bad import build  # noqa: E402
from tests.bad.make import ROWS, Row  # noqa: E402
from tests.bad.run import SECRETS, Outcome, attempt, every_way  # noqa: E402


def judged(row: Row, done: Outcome) -> None:
    """Fail unless the outcome is the one of the table."""
    allowed = row.error.split("|")
    if not done.error:
        assert "" in allowed, f"decoded, {row.error} expected"
    else:
        assert set(allowed) & set(done.classes), f"{done.error}: {done.said}"
    if done.error or row.error == "":
        assert row.says_so(done.said), f"does not say /{row.says}/: {done.error} {done.said!r}"
    assert not any(secret in done.said for secret in SECRETS)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_row_gives_its_error(row):
    done = attempt(row)
    judged(row, done)
    assert done.seconds < row.seconds


# The same fault in 100,000 fragments is a row too; nine calls over a million take their time.
SWEPT = {name: row for name, row in ROWS.items() if name != "fragments_million.dcm"}


@pytest.mark.parametrize("row", SWEPT.values(), ids=SWEPT.keys())
def test_every_entry_point_keeps_its_promises(row, tmp_path):
    assert every_way(row, row.make(), tmp_path) == []


def test_table_is_long_enough_and_reproducible():
    assert len(ROWS) >= 60
    for name in ("rle_cut.dcm", "sq_depth_10000.dcm", "siz_zero_width.dcm"):
        assert ROWS[name].make() == ROWS[name].make()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS and /proc")
def test_rows_stay_within_their_memory():
    child = [sys.executable, "-m", "tests.bad.run"]
    env = {**os.environ, "MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(child, cwd=ROOT, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-2000:]}"
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["name"] for line in lines] == list(ROWS)
    wrong = [
        f"{line['name']}: {line['error']}: {line['said']}"
        for line in lines
        if line["error"].startswith("escaped")
        or not set(ROWS[line["name"]].error.split("|")) & {*line["classes"], line["error"]}
    ]
    assert not wrong, "\n".join(wrong)


GOOD = build.made(build.EXPLICIT, build.grey(), build.native(build.picture().tobytes()))


def test_directory_as_source_is_refused(tmp_path):
    import radkit

    with pytest.raises(radkit.RadkitError, match=r"(?i)directory|folder"):
        radkit.decode(tmp_path)


def test_absent_file_is_refused(tmp_path):
    import radkit

    with pytest.raises(radkit.RadkitError) as caught:
        radkit.decode(tmp_path / "absent.dcm")
    assert isinstance(caught.value, OSError)


def test_file_without_permission_is_refused(tmp_path):
    import radkit

    path = tmp_path / "closed.dcm"
    path.write_bytes(GOOD)
    path.chmod(0)
    os.chmod(tmp_path, 0o755)
    root = os.geteuid() == 0
    if root:  # root may read everything: look as somebody else
        os.seteuid(65534)
    try:
        try:
            path.open("rb").close()
        except PermissionError:
            pass
        else:
            pytest.skip("this system lets everybody read everything")
        with pytest.raises(radkit.RadkitError) as caught:
            radkit.decode(path)
    finally:
        if root:
            os.seteuid(0)
    assert isinstance(caught.value, OSError)


def test_full_disk_leaves_nothing(tmp_path):
    import radkit

    source, dest = tmp_path / "in.dcm", tmp_path / "out"
    samples = build.picture(256, 256).tobytes()
    source.write_bytes(build.made(build.EXPLICIT, build.grey(256, 256), build.native(samples)))
    dest.mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # as a disk with 4 KiB left
    try:
        with pytest.raises(radkit.RadkitError) as caught:
            radkit.transcode(source, dest / "out.dcm", "rle")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(caught.value, OSError)
    assert list(dest.iterdir()) == []
    assert radkit.decode(source).shape == (256, 256)


def test_destination_without_a_folder_is_refused(tmp_path):
    import radkit

    with pytest.raises(radkit.RadkitError) as caught:
        radkit.transcode(GOOD, tmp_path / "absent" / "out.dcm", "rle")
    assert isinstance(caught.value, OSError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uid", ["..", "../../escaped", "/etc/escaped", "", "a\\b", "x" * 300])
def test_instance_uid_never_becomes_a_path(uid, tmp_path):
    import radkit

    said = {0x00080018: ("UI", uid.encode())}
    data = build.made(
        build.EXPLICIT, build.grey(), build.native(build.picture().tobytes()), extra=said
    )
    inside = tmp_path / "inside"
    inside.mkdir()
    try:
        radkit.transcode(data, inside, "rle")
    except radkit.RadkitError:
        assert list(inside.iterdir()) == []
    else:
        assert len(list(inside.iterdir())) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["inside"]
