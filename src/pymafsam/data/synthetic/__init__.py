"""Synthetic people: rendered bodies with exact answers, for training and as a 3D test set."""

from pymafsam.data.synthetic.benchmark import Benchmark, test_set
from pymafsam.data.synthetic.scenes import Rendered, Stage, Truth
from pymafsam.data.synthetic.sighted import charted

__all__ = [
    "Benchmark",
    "Rendered",
    "Stage",
    "Truth",
    "charted",
    "test_set",
]
