"""This board: its clock, its facts, its samples."""
