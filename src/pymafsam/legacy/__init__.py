"""The formats of 2024: the bank of points, crops cut off to whole pixels, the data folder."""
