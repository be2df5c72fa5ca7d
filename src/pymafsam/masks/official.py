"""Segment Anything itself: Meta's ``segment-anything`` package with the users' checkpoints.

The network is built to the shapes found in the checkpoint, so its type never has to be believed;
a type that is stated wrongly is named. Checkpoints are loaded as weights only.
"""

import os
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from pymafsam.errors import BadInput, BadUsage, MissingAsset, UntrustedFile
from pymafsam.masks.sam import BOTTOM_RIGHT, INSIDE, OUTSIDE, TOP_LEFT, SamSegmenter
from pymafsam.masks.view import Logits, completed

# (channels, blocks) of the image encoders that were published.
PUBLISHED = {(1280, 32): "vit_h", (1024, 24): "vit_l", (768, 12): "vit_b"}
WHERE = "https://github.com/facebookresearch/segment-anything#model-checkpoints"
PATCH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """What a state dict says of its image encoder."""

    channels: int
    blocks: int
    heads: int
    mlp: int
    output: int
    side: int  # of the pictures it takes, pixels
    window: int
    everywhere: tuple[int, ...]  # blocks that attend to the entire picture

    @property
    def kind(self) -> str:
        """``vit_h``, ``vit_l``, ``vit_b``, or a description of another."""
        other = f"an encoder of {self.blocks} blocks with {self.channels} channels"
        return PUBLISHED.get((self.channels, self.blocks), other)


def load(argument: str, *, threads: int = 0) -> SamSegmenter:
    """The row ``sam``: ``argument`` is TYPE=PATH, TYPE one of vit_h, vit_l, vit_b or ``any``.

    Raises BadUsage for another form or type, MissingAsset without the package or the file,
    BadInput for a file that is no checkpoint of Segment Anything or one of another type,
    UntrustedFile for one that wants to run code.
    """
    kind, equals, path = argument.partition("=")
    if not equals or not path or kind not in ("any", *PUBLISHED.values()):
        raise BadUsage(
            f'--segmenter "sam:{argument}": wanted sam:vit_h=PATH (or vit_l, vit_b; any: whatever '
            f"PATH holds), PATH being a checkpoint from {WHERE}"
        )
    state = read_state(Path(path))
    shapes = shapes_of(state, path)
    if kind not in ("any", shapes.kind):
        advice = f"  Say sam:{shapes.kind}={path}" if shapes.kind in PUBLISHED.values() else ""
        raise BadInput(
            f"{path} was said to be {kind}, but its shapes are those of {shapes.kind}.\n"
            f"{advice or '  sam:any=PATH takes it as it is.'}"
        )
    return SamSegmenter(OfficialSam(state, shapes, threads=threads))


def read_state(path: Path) -> Mapping[str, Any]:
    """The state dict in a checkpoint. Raises like ``load``."""
    torch = _package("torch")
    if not os.path.isfile(path):
        raise MissingAsset(
            f"There is no Segment Anything checkpoint {path}.\n  Where to get it: {WHERE}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch muses about pickle protocols
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UntrustedFile(
            f"{path} was refused: it is no plain file of weights and may run code when loaded.\n"
            f"  Take the checkpoint from {WHERE}"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(
            f"{path} is not a whole checkpoint ({reason}).\n"
            "  It may be truncated: compare its size with the original's."
        ) from error
    if not isinstance(state, Mapping):
        raise BadInput(f"{path} holds no state dict but a {type(state).__name__}.")
    return state


def shapes_of(state: Mapping[str, Any], called: str) -> Shapes:
    """Read an image encoder's dimensions off a state dict. Raises BadInput for other networks."""
    prefix = "image_encoder."
    try:
        position = state[f"{prefix}pos_embed"].shape
        blocks = 1 + max(
            int(name.split(".")[2]) for name in state if name.startswith(f"{prefix}blocks.")
        )
        reach = [tuple(state[f"{prefix}blocks.{k}.attn.rel_pos_h"].shape) for k in range(blocks)]
        far = 2 * position[1] - 1
        windows = [rows for rows, _ in reach if rows != far]
        return Shapes(
            channels=position[3],
            blocks=blocks,
            heads=position[3] // reach[0][1],
            mlp=state[f"{prefix}blocks.0.mlp.lin1.weight"].shape[0],
            output=state[f"{prefix}neck.0.weight"].shape[0],
            side=position[1] * PATCH,
            window=(windows[0] + 1) // 2 if windows else 0,
            everywhere=tuple(k for k, (rows, _) in enumerate(reach) if rows == far),
        )
    except (KeyError, ValueError, IndexError, AttributeError, TypeError) as error:
        first = ", ".join(list(map(str, state))[:3])
        mobile = any(str(name).startswith("image_encoder.layers.") for name in state)
        found = "MobileSAM's own" if mobile else f"another network's (it begins with {first})"
        advice = (
            "  MobileSAM is built in: --segmenter mobilesam"
            if mobile
            else f"  Checkpoints: {WHERE}"
        )
        raise BadInput(
            f"{called} is not a checkpoint of Segment Anything but {found}.\n{advice}"
        ) from error


class OfficialSam:
    """Segment Anything in torch behind the ``Engine`` protocol of ``masks.sam``."""

    is_local = False  # it attends to the whole canvas

    def __init__(self, state: Mapping[str, Any], shapes: Shapes, *, threads: int = 0):
        """``threads`` is torch's own setting for the whole process; 0 leaves it alone."""
        torch = _package("torch")
        if threads:
            torch.set_num_threads(threads)
        self._torch = torch
        self._sam = build(shapes)
        try:
            self._sam.load_state_dict(state)
        except RuntimeError as error:
            raise BadInput(
                "The checkpoint does not fit Segment Anything: "
                f"{' '.join(str(error).split())[:300]}"
            ) from error
        self._sam.eval()
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._sam.to(self._device)

    def encode(
        self, canvas: Float[np.ndarray, "1 3 rows columns"], corner: tuple[int, int] = (0, 0)
    ) -> Any:
        """Features of a normalised canvas, a tensor."""
        with self._torch.inference_mode():
            return self._sam.image_encoder(self._tensor(completed(canvas)))

    def decode(
        self,
        embedding: object,
        points: Float[np.ndarray, "points 2"],
        labels: Float[np.ndarray, "points"],
        previous: Logits | None,
    ) -> tuple[Float[np.ndarray, "4 256 256"], Float[np.ndarray, "4"]]:
        """Logits of the four masks and the overlap the network expects of each."""
        clicks = np.isin(labels, (INSIDE, OUTSIDE))
        corners = [points[labels == corner] for corner in (TOP_LEFT, BOTTOM_RIGHT)]
        # The package adds the padding point by itself.
        with self._torch.inference_mode():
            sparse, dense = self._sam.prompt_encoder(
                points=(self._tensor(points[clicks])[None], self._tensor(labels[clicks])[None])
                if clicks.any()
                else None,
                boxes=self._tensor(np.concatenate(corners, axis=1)) if len(corners[0]) else None,
                masks=None if previous is None else self._tensor(previous)[None, None],
            )
            logits, scores = self._sam.mask_decoder.predict_masks(
                image_embeddings=embedding,
                image_pe=self._sam.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
            )
        return logits[0].cpu().numpy(), scores[0].cpu().numpy()

    def _tensor(self, array: Shaped[np.ndarray, "..."]) -> Any:
        return self._torch.as_tensor(array, dtype=self._torch.float32, device=self._device)


def build(shapes: Shapes) -> Any:
    """An untrained Segment Anything of these shapes, in the layout of the published state dicts."""
    modeling = _package("segment_anything.modeling")
    torch = _package("torch")
    grid = shapes.side // PATCH
    return modeling.Sam(
        image_encoder=modeling.ImageEncoderViT(
            img_size=shapes.side,
            patch_size=PATCH,
            embed_dim=shapes.channels,
            depth=shapes.blocks,
            num_heads=shapes.heads,
            mlp_ratio=shapes.mlp / shapes.channels,
            out_chans=shapes.output,
            norm_layer=lambda channels: torch.nn.LayerNorm(channels, eps=1e-6),
            use_rel_pos=True,
            window_size=shapes.window,
            global_attn_indexes=shapes.everywhere,
        ),
        prompt_encoder=modeling.PromptEncoder(
            embed_dim=shapes.output,
            image_embedding_size=(grid, grid),
            input_image_size=(shapes.side, shapes.side),
            mask_in_chans=16,
        ),
        mask_decoder=modeling.MaskDecoder(
            transformer_dim=shapes.output,
            transformer=modeling.TwoWayTransformer(
                depth=2, embedding_dim=shapes.output, mlp_dim=2048, num_heads=8
            ),
        ),
    )


def _package(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingAsset(
            f"Segment Anything's checkpoints need the package {name.partition('.')[0]}, which is "
            'not installed.\n  pip install "pymafsam[sam]", or use --segmenter mobilesam.'
        ) from error
