"""Campaigns that break things on purpose, and the figures that they have reached."""
