"""Convolutions whose weights lie the way oneDNN wants them for the batch at hand.

torch's own convolutions on a CPU lay the weights out anew at every call, which costs a quarter of
the time at batch 1. The operations used here are those that torch's compiler uses for the same
purpose; where this torch has none, convolutions stay as they are.
"""

from collections import OrderedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn

KEPT = 2  # shapes: a full batch and the last one; each costs the weights' memory again


NAMED = ("same", "valid")  # paddings that torch resolves itself


class Packed(nn.Module):
    """A convolution, transposed or not, with its weights laid out once for each shape it meets."""

    def __init__(self, convolution: nn.Conv2d | nn.ConvTranspose2d):
        super().__init__()
        self.convolution = convolution
        self._laid_out: OrderedDict[tuple[int, ...], Tensor] = OrderedDict()

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        own = self.convolution
        weight = self._weight(tuple(x.shape))
        if isinstance(own, nn.ConvTranspose2d):
            return torch.ops.mkldnn._convolution_transpose_pointwise(
                x, weight, own.bias, own.padding, own.output_padding, own.stride, own.dilation,
                own.groups, "none", [], "",
            )  # fmt: skip
        return torch.ops.mkldnn._convolution_pointwise(
            x, weight, own.bias, own.padding, own.stride, own.dilation, own.groups, "none", [], ""
        )

    def _weight(self, shape: tuple[int, ...]) -> Tensor:
        found = self._laid_out.get(shape)
        if found is None:
            found = self._laid_out[shape] = laid_out(self.convolution, shape)
            if len(self._laid_out) > KEPT:
                self._laid_out.popitem(last=False)
        self._laid_out.move_to_end(shape)
        return found


def laid_out(own: nn.Conv2d | nn.ConvTranspose2d, shape: tuple[int, ...]) -> Tensor:
    """The weights as oneDNN wants them for inputs of that shape."""
    if isinstance(own, nn.ConvTranspose2d):
        return torch.ops.mkldnn._reorder_convolution_transpose_weight(
            own.weight, own.padding, own.output_padding, own.stride, own.dilation, own.groups, shape
        )
    return torch.ops.mkldnn._reorder_convolution_weight(
        own.weight, own.padding, own.stride, own.dilation, own.groups, shape
    )


def pack(module: nn.Module) -> nn.Module:
    """Replace the convolutions in ``module``, in place, if oneDNN is at hand (for inference).

    Subclasses, which may do more, stay, depthwise ones, which have little to lay out, and those of
    a precision that oneDNN has no instructions for on this processor.
    """
    precisions = {tensor.dtype for tensor in module.parameters()}
    possible = {precision for precision in precisions if is_possible(precision)}
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            known = isinstance(child, (nn.Conv2d, nn.ConvTranspose2d))
            if known and _is_plain(child) and child.weight.dtype in possible:
                setattr(parent, name, Packed(child))
    return module


def _is_plain(own: nn.Conv2d | nn.ConvTranspose2d) -> bool:
    """Whether a convolution is one that oneDNN's operations take as it is."""
    exactly = type(own) in (nn.Conv2d, nn.ConvTranspose2d)
    return exactly and own.groups == 1 and own.padding_mode == "zeros" and own.padding not in NAMED


def is_possible(precision: torch.dtype = torch.float32) -> bool:
    """Whether this torch has oneDNN's operations, and they give what convolutions give.

    In bfloat16 they ask for instructions that not every processor has.
    """
    if not torch.backends.mkldnn.is_available():
        return False
    probe = nn.Conv2d(3, 4, 3).eval().requires_grad_(False).to(precision)
    picture = torch.linspace(-1, 1, 75).reshape(1, 3, 5, 5).to(precision)
    atol = 1e-5 if precision is torch.float32 else 0.03
    try:
        with torch.inference_mode():
            return bool(torch.allclose(Packed(probe)(picture), probe(picture), atol=atol))
    except Exception:  # another torch, or another processor
        return False
