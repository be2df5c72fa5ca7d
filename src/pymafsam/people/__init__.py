"""Who is in a picture: detectors of people, and boxes given by the user."""

from pymafsam.people.detector import DETECTORS, Detector, load

__all__ = ["DETECTORS", "Detector", "load"]
