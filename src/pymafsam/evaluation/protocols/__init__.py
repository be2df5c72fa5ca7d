"""The protocols, row by row. A number without its row means nothing."""

from pymafsam.errors import BadUsage
from pymafsam.evaluation.protocol import Protocol
from pymafsam.registry import closest

HERE = "pymafsam.evaluation.protocols"

ROWS = (
    Protocol(
        name="coco",
        about="COCO keypoint AP of the mesh's own projected keypoints, overlap of masks",
        cases=f"{HERE}.coco:cases",
        figures=f"{HERE}.coco:figures",
        truth="COCO person keypoints and outlines (official json)",
        boxes="annotated, or the detector's in pictures of which everybody is annotated",
        headline="OKS",
        blind="Depth: a body that leans, or is of the wrong size, can have perfect keypoints.",
        keeps=frozenset({"silhouette", "mask"}),
        shown=f"{HERE}.coco:shown",
        legacy=f"{HERE}.coco:legacy",
    ),
    Protocol(
        name="lsp",
        about="Leeds Sports Pose: PCK of the 12 limb joints",
        cases=f"{HERE}.lsp:cases",
        figures=f"{HERE}.lsp:figures",
        truth="LSP's 14 joints (joints.npz)",
        joints="12 limb joints: shoulders to wrists, hips to ankles",
        boxes="the joints' box and a tenth of it around, or the surest person of the detector",
        headline="PCK@0.2",
        blind="Depth. The head is not counted: COCO's keypoints have no head top.",
        shown=f"{HERE}.lsp:shown",
        legacy=f"{HERE}.lsp:legacy",
    ),
)
PROTOCOLS = {row.name: row for row in ROWS}


def find(name: str) -> Protocol:
    """The protocol of that name. Raises BadUsage for an unknown one."""
    if name not in PROTOCOLS:
        raise BadUsage(
            f'There is no protocol called "{name}"{closest(name, PROTOCOLS)}\n'
            f"  Known: {', '.join(PROTOCOLS)}"
        )
    return PROTOCOLS[name]
