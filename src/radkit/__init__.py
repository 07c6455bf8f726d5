"""Fast, exact decoding and proven transcoding of DICOM pixel data."""
