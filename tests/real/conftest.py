"""Orthanc on loopback, with a configuration and a store of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import free_port, program, started
from servers import Orthanc

DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    if program("Orthanc") is None or not DICOMWEB.exists():
        pytest.skip("not installed: orthanc, orthanc-dicomweb")
    folder = tmp_path_factory.mktemp("orthanc")
    http, dicom = free_port(), free_port()
    made = {
        "Name": "a store of tests",
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "index"),
        "HttpPort": http,
        "DicomPort": dicom,
        "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "OverwriteInstances": True,
        "Plugins": [str(DICOMWEB)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "DicomModalities": {},
        "DicomModalitiesInDatabase": True,
    }
    config = folder / "orthanc.json"
    config.write_text(json.dumps(made))
    with started("Orthanc", config, ports=[http, dicom], log=folder / "log"):
        yield Orthanc(f"http://127.0.0.1:{http}", dicom)
