"""Data sets: rows of people, crops with their answers, preparation and pseudo ground truth."""
