"""The parts of scripts/report.py, in reading order: data (what was measured), units (how
numbers are printed), words (what it means), marks (a model's colour), figures and svg
(drawing), tables, page."""
