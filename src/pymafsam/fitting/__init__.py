"""Bodies from keypoints, metric landmarks and masks by nonlinear least squares."""

from pymafsam.fitting.keypoints import KeypointFit

__all__ = ["KeypointFit"]
