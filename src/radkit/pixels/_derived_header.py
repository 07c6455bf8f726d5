"""The data set of a derived image: what is taken from a source, and what is new.

Taken are the attributes of patient, study, frame of reference and equipment, and those
of the acquisition that all slices of a series share; nothing private, nothing of a single
slice. PS3.3 A.3 (CT), A.4 (MR), A.21 (PET), A.8.1 (Secondary Capture), C.7.6.1, C.7.6.2.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radkit.dicom.encoding import LONG_VRS
from radkit.errors import CorruptFile, GeometryError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from radkit.dicom.objects import DicomObject
    from radkit.pixels.derived import DerivedStack

__all__ = [
    "CAPTURE",
    "PET",
    "decimal",
    "freeze",
    "new_uid",
    "read_header",
    "series_header",
    "set_slice",
]

CT, MR, PET, CAPTURE = (
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.128",
    "1.2.840.10008.5.1.4.1.1.7",
)
# Single-frame classes that slices of these become; all others become secondary captures.
CLASS_OF = {
    CT: CT,
    "1.2.840.10008.5.1.4.1.1.2.1": CT,
    "1.2.840.10008.5.1.4.1.1.2.2": CT,
    MR: MR,
    "1.2.840.10008.5.1.4.1.1.4.1": MR,
    "1.2.840.10008.5.1.4.1.1.4.4": MR,
    PET: PET,
    "1.2.840.10008.5.1.4.1.1.128.1": PET,
    "1.2.840.10008.5.1.4.1.1.130": PET,
}
MODALITY = {CT: "CT", MR: "MR", PET: "PT", CAPTURE: "OT"}

KEPT = """
    SpecificCharacterSet TimezoneOffsetFromUTC
    PatientName PatientID IssuerOfPatientID PatientBirthDate PatientSex PatientAge PatientSize
    PatientWeight PatientIdentityRemoved DeidentificationMethod DeidentificationMethodCodeSequence
    AnatomicalOrientationType PregnancyStatus
    StudyInstanceUID StudyDate StudyTime ReferringPhysicianName StudyID AccessionNumber
    IssuerOfAccessionNumberSequence StudyDescription ReferencedStudySequence ProcedureCodeSequence
    Modality Laterality BodyPartExamined AnatomicRegionSequence PatientPosition ProtocolName
    FrameOfReferenceUID PositionReferenceIndicator
    Manufacturer InstitutionName InstitutionAddress InstitutionalDepartmentName StationName
    ManufacturerModelName DeviceSerialNumber SoftwareVersions
    AcquisitionDate BurnedInAnnotation RecognizableVisualFeatures
    LossyImageCompression LossyImageCompressionRatio LossyImageCompressionMethod
    WindowCenter WindowWidth WindowCenterWidthExplanation VOILUTFunction
    PresentationLUTShape RescaleType QuantityDefinitionSequence
    ContrastBolusAgent ContrastBolusRoute ContrastBolusVolume
    KVP ConvolutionKernel DataCollectionDiameter FilterType ScanOptions
    ScanningSequence SequenceVariant MRAcquisitionType SequenceName AngioFlag RepetitionTime
    EchoTime EchoTrainLength EchoNumbers InversionTime MagneticFieldStrength ImagingFrequency
    ImagedNucleus NumberOfAverages FlipAngle ReceiveCoilName TransmitCoilName
    Units CountsSource SeriesType ReprojectionMethod NumberOfRRIntervals NumberOfTimeSlots
    CorrectedImage RandomsCorrectionMethod AttenuationCorrectionMethod ScatterCorrectionMethod
    DecayCorrection ReconstructionMethod CollimatorType AcquisitionTime FrameReferenceTime
    ActualFrameDuration DecayFactor DoseCalibrationFactor SUVType
    RadiopharmaceuticalInformationSequence PatientOrientationCodeSequence
    PatientGantryRelationshipCodeSequence
""".split()  # noqa: SIM905 (a list of words reads better as words)
# Elements that an object of the class must have, and what stands for unknown; None: empty.
NEEDED: dict[str, dict[str, Any]] = {
    CT: {"KVP": None, "AcquisitionNumber": None},
    MR: {
        "ScanningSequence": "RM",
        "SequenceVariant": "NONE",
        "ScanOptions": None,
        "MRAcquisitionType": None,
        "RepetitionTime": None,
        "EchoTime": None,
        "EchoTrainLength": None,
    },
    PET: {
        "Units": "NONE",
        "CountsSource": "EMISSION",
        "SeriesType": ["STATIC", "IMAGE"],
        "CorrectedImage": None,
        "DecayCorrection": "NONE",
        "CollimatorType": None,
        "FrameReferenceTime": 0,
        "ActualFrameDuration": None,
        "AcquisitionDate": None,
        "AcquisitionTime": None,
        "RadiopharmaceuticalInformationSequence": [],
        "PatientOrientationCodeSequence": [],
        "PatientGantryRelationshipCodeSequence": [],
    },
    CAPTURE: {"ConversionType": "WSD"},
}
NEEDED_BY_ALL = """
    PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime ReferringPhysicianName
    StudyID AccessionNumber PositionReferenceIndicator Manufacturer
""".split()  # noqa: SIM905
# (Image Type value 3 of MR, value 4, code, its meaning, what the description says); PS3.3
# C.8.2.1.1.1, C.8.3.1.1.1, PS3.16 CID 7203.
MPR = ("113072", "Multiplanar reformatting")
KINDS: dict[str | None, tuple[str, str, tuple[str, str], str]] = {
    None: ("MPR", "MPR", MPR, "Multiplanar reformat"),
    "max": (
        "PROJECTION IMAGE",
        "MIP",
        ("113078", "Maximum intensity projection"),
        "Maximum intensity projection",
    ),
    "min": (
        "PROJECTION IMAGE",
        "MINIP",
        ("113079", "Minimum intensity projection"),
        "Minimum intensity projection",
    ),
    "mean": ("MPR", "AVERAGE", MPR, "Multiplanar reformat, mean of a slab"),
    "sum": ("PROJECTION IMAGE", "SUM", MPR, "Multiplanar reformat, sum of a slab"),
}
OTHER_KIND = ("OTHER", "MPR", MPR, "Multiplanar reformat of a slab")


def new_uid() -> str:
    """Return a UID that nothing else has (PS3.5 B.2)."""
    from pydicom.uid import generate_uid

    return str(generate_uid(prefix=None))


def decimal(value: float) -> str:
    """Write a decimal string of at most 16 characters with as many digits as fit (PS3.5 6.2)."""
    from pydicom.valuerep import format_number_as_ds

    return str(format_number_as_ds(float(value) + 0.0))


def read_header(obj: DicomObject) -> Dataset:
    """Read the elements before the pixel data with pydicom, and let go of the file.

    Raises
    ------
    CorruptFile
        pydicom cannot read them.
    """
    import io

    from pydicom.filereader import read_dataset

    end = obj.reader.size if obj.pixels is None else obj.pixels.offset
    raw = bytes(obj.reader.read(obj.start, end - obj.start))
    try:
        return read_dataset(
            io.BytesIO(raw), obj.elements.implicit, not obj.elements.big_endian, len(raw)
        )
    except Exception as error:
        raise CorruptFile(
            f"pydicom cannot read the header of like= ({type(error).__name__})"
        ) from error


def series_header(like: Dataset, stack: DerivedStack, description: str | None) -> Dataset:
    """Return what all images of a derived series share.

    Raises
    ------
    GeometryError
        `like` has another frame of reference than the samples.
    """
    from pydicom.dataset import Dataset

    colour = stack.array.ndim == 4
    kind = CAPTURE if colour else CLASS_OF.get(str(like.get("SOPClassUID", "")), CAPTURE)
    ds = Dataset()
    ds.set_original_encoding(False, True)
    _take(ds, like, KEPT)
    _check_frame_of_reference(ds, stack)
    ds.SOPClassUID = kind
    ds.SeriesInstanceUID = new_uid()
    if not ds.get("StudyInstanceUID"):
        ds.StudyInstanceUID = new_uid()
    ds.Modality = ds.get("Modality") or MODALITY[kind]
    for word in NEEDED_BY_ALL:
        if word not in ds:
            setattr(ds, word, "")
    if kind == PET:
        ds.pop("PatientPosition", None)  # its place is taken by codes (C.8.9.5)
    elif "PatientPosition" not in ds and kind != CAPTURE:
        ds.PatientPosition = ""
    if not ds.get("BodyPartExamined") and "Laterality" not in ds:
        ds.Laterality = ""  # of an unknown part, which may be one of a pair
    for word, value in NEEDED[kind].items():
        if word not in ds or (ds[word].is_empty and value):
            setattr(ds, word, value)
    _set_times(ds)
    number = like.get("SeriesNumber")
    ds.SeriesNumber = 1000 + (int(number) if number and 0 <= int(number) < 10**6 else 0)
    if kind == PET:
        ds.NumberOfSlices = len(stack.array)
        told = ds.SeriesType
        ds.SeriesType = [told if isinstance(told, str) else str(told[0]), "IMAGE"]
    if colour:
        for word in ("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation"):
            ds.pop(word, None)
    elif "WindowCenter" not in ds:
        _take_window(ds, like)
    ds.BurnedInAnnotation = ds.get("BurnedInAnnotation") or "NO"
    _tell_of_derivation(ds, like, stack, description, kind)
    return ds


def _take(ds: Dataset, like: Dataset, words: Iterable[str]) -> None:
    """Copy elements as they are: text keeps its bytes."""
    from pydicom.datadict import tag_for_keyword

    for word in words:
        tag = tag_for_keyword(word)
        if tag is not None and tag in like:
            # An element whose VR was left to be looked up is looked up here, by its tag.
            implicit = not like.is_original_encoding or like.original_encoding[0] is not False
            ds[tag] = like[tag] if implicit else like.get_item(tag)


def _check_frame_of_reference(ds: Dataset, stack: DerivedStack) -> None:
    theirs, own = str(ds.get("FrameOfReferenceUID") or ""), stack.frame_of_reference
    if own and theirs and own != theirs:
        raise GeometryError(
            "like= has another frame of reference than the volume",
            section="PS3.3 C.7.4.1",
            hint="Give an object of the series that the volume was made of",
        )
    ds.FrameOfReferenceUID = own or theirs or new_uid()


def _set_times(ds: Dataset) -> None:
    now = datetime.datetime.now()
    day, clock = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    ds.InstanceCreationDate = ds.SeriesDate = ds.ContentDate = day
    ds.InstanceCreationTime = ds.SeriesTime = ds.ContentTime = clock


def _take_window(ds: Dataset, like: Dataset) -> None:
    """Take the window of the first frame of an enhanced object (PS3.3 C.7.6.16.2.10)."""
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in list(like.get(groups) or [])[:1]:
            for item in list(group.get("FrameVOILUTSequence") or [])[:1]:
                _take(
                    ds,
                    item,
                    (
                        "WindowCenter",
                        "WindowWidth",
                        "WindowCenterWidthExplanation",
                        "VOILUTFunction",
                    ),
                )


def _tell_of_derivation(
    ds: Dataset, like: Dataset, stack: DerivedStack, description: str | None, kind: str
) -> None:
    known = stack.project if isinstance(stack.project, str | None) else "other"
    third, fourth, code, text = KINDS.get(known, OTHER_KIND)
    if stack.project is not None and stack.thickness is not None:
        text = f"{text}, {stack.thickness:.4g} mm"
    # PET images are PRIMARY always (C.8.9.4.1.3).
    second = "PRIMARY" if kind == PET else "SECONDARY"
    ds.ImageType = ["DERIVED", second, third if kind == MR else "AXIAL", fourth]
    ds.DerivationDescription = f"{text}; radkit {_version()}"
    ds.DerivationCodeSequence = [_code(*code)]
    ds.SeriesDescription = (text if description is None else description)[:64]
    uids = list(dict.fromkeys(uid for uid in stack.instances if uid))
    if not uids and like.get("SOPInstanceUID"):
        uids = [str(like.SOPInstanceUID)]
    if stack.own_instances:
        uids = uids[:1]  # each slice names its own
    if uids:
        ds.SourceImageSequence = [_source(str(like.get("SOPClassUID") or ""), uid) for uid in uids]
    earlier = list(like.get("ContributingEquipmentSequence") or [])
    ds.ContributingEquipmentSequence = [
        *earlier,
        _item(
            Manufacturer="radkit",
            ManufacturerModelName="radkit",
            SoftwareVersions=_version(),
            ContributionDescription=text,
            PurposeOfReferenceCodeSequence=[_code("109103", "Modifying Equipment")],
        ),
    ]


def _source(sop_class: str, uid: str) -> Dataset:
    return _item(
        ReferencedSOPClassUID=sop_class or CAPTURE,
        ReferencedSOPInstanceUID=uid,
        PurposeOfReferenceCodeSequence=[
            _code("121322", "Source image for image processing operation")
        ],
    )


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("radkit")
    except metadata.PackageNotFoundError:  # run from a tree that is not installed
        return "unknown"


def _item(**values: Any) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    for word, value in values.items():
        setattr(item, word, value)
    return item


def _code(value: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator="DCM", CodeMeaning=meaning)


def set_slice(ds: Dataset, stack: DerivedStack, k: int, place: NDArray[np.float64]) -> None:
    """Set what differs by slice: UID, number, position, spacing (PS3.3 C.7.6.2.1)."""
    from radkit.geometry import in_plane_axes, letters

    rows_mm, cols_mm = (float(np.linalg.norm(step)) for step in (stack.down, stack.right))
    x, y, normal = in_plane_axes(stack.right, stack.down)
    ds.SOPInstanceUID = new_uid()
    ds.InstanceNumber = k + 1
    ds.ImagePositionPatient = [decimal(value) for value in place]
    ds.ImageOrientationPatient = [decimal(value) for value in (*x, *y)]
    ds.PixelSpacing = [decimal(rows_mm), decimal(cols_mm)]
    ds.PatientOrientation = [letters(x), letters(y)]
    ds.SliceLocation = decimal(float(place @ normal))
    thickness = stack.thickness
    ds.SliceThickness = decimal(thickness if thickness else min(rows_mm, cols_mm))
    between = abs(float(stack.step @ normal))
    if stack.even and len(stack.array) > 1 and math.isfinite(between) and between > 0:
        ds.SpacingBetweenSlices = decimal(between)
    if "NumberOfSlices" in ds:
        ds.ImageIndex = k + 1
    if stack.own_instances and stack.instances[k]:
        sop_class = str(ds.SourceImageSequence[0].ReferencedSOPClassUID)
        ds.SourceImageSequence = [_source(sop_class, stack.instances[k])]


def freeze(ds: Dataset, *, implicit: bool) -> None:
    """Encode what all slices share once: raw elements are written as they are."""
    from pydicom.dataelem import RawDataElement
    from pydicom.dataset import Dataset
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset
    from pydicom.tag import Tag

    charset = ds.get("SpecificCharacterSet")
    for tag in list(ds.keys()):
        found: Any = ds.get_item(tag)
        if isinstance(found, RawDataElement) and not (implicit or found.is_implicit_VR):
            continue  # as it was read
        alone = Dataset()
        if charset is not None:
            alone.SpecificCharacterSet = charset
        alone[tag] = found
        element = alone[tag]  # looks up what was raw
        vr = element.VR
        element.is_undefined_length = False
        out = DicomBytesIO()
        out.is_implicit_VR, out.is_little_endian = implicit, True
        write_dataset(out, alone[tag:])
        head = 8 if implicit or vr not in LONG_VRS else 12
        value = out.getvalue()[head:]
        ds[tag] = RawDataElement(Tag(tag), vr, len(value), value, 0, implicit, True)
