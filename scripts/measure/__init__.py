"""Measurements of the suite against what it is compared with, on the machine at hand."""
