"""3D human bodies from photographs, guided by segmentation masks."""

__version__ = "0.1.0"
