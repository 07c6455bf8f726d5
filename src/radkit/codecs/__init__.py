"""Bytes to array and back for one frame, one module per coding.

`registry` finds the module of a coding; `jpeg2000`, `htj2k`, `jpeg`, `jpegls`,
`jpeg_lossless` and `rle` can be used without DICOM. Modules are loaded when they
are first asked for.
"""
