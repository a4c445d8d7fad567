"""The parts of scripts/report.py, in reading order: trial, point, pairing and campaign (what
was measured), data (how a folder is read), units (how numbers are printed), findings and
cautions (what it means), marks (a model's colour), sheets and svg (drawing), panels,
figures, tables, page."""
