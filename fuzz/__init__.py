"""Fuzz targets over the native entry points and over the public calls."""
