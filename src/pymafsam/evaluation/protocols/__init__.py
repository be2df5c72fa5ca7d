"""The protocols, row by row. A number without its row means nothing."""

from pymafsam import registry
from pymafsam.evaluation.protocol import Protocol

HERE = "pymafsam.evaluation.protocols"

LSP14_OF_MESH = "14: LSP's with Human3.6M's head, by Human3.6M's regressor from the mesh"
PELVIS = "Human3.6M's pelvis, regressed from the mesh"
SIMILARITY = "none, scale (N-MPJPE), similarity (PA-MPJPE)"
OF_ROWS = "the rows' centre and scale"

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
        compared=f"{HERE}.coco:compared",
        home=f"{HERE}.coco",
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
        keeps=frozenset({"lsp14"}),
        blind="Depth. The head is not counted: COCO's keypoints have no head top.",
        compared=f"{HERE}.lsp:compared",
        home=f"{HERE}.lsp",
        legacy=f"{HERE}.lsp:legacy",
    ),
    Protocol(
        name="lsp-parts",
        about="Leeds Sports Pose: silhouette and six body parts of the drawn mesh",
        cases=f"{HERE}.lsp_parts:cases",
        figures=f"{HERE}.lsp_parts:figures",
        truth="UP-3D's silhouettes and part labels of LSP",
        joints="none: pixels of head, torso, arms and legs",
        boxes="the joints' box and a tenth of it around, or the surest person of the detector",
        headline="parts accuracy",
        blind="Depth, and how limbs are turned about themselves. Regions of another body are cut "
        "elsewhere at neck, shoulders and hips. Clothes and hair are labelled as the person.",
        keeps=frozenset({"silhouette", "parts"}),
        doubted=f"{HERE}.lsp_parts:another_order",
        home=f"{HERE}.lsp_parts",
    ),
    Protocol(
        name="standing",
        about="how far people who stand upright lean towards the camera (no labels of depth)",
        cases=f"{HERE}.standing:cases",
        figures=f"{HERE}.standing:figures",
        truth="gravity: trunk, thighs and shins within 12 degrees of vertical in the picture",
        joints="middles of shoulders and hips (COCO), of hips and ankles (skeleton)",
        root="directions only",
        headline="lean, size",
        blind="The camera's pitch: a picture taken from above makes everybody lean. Whoever really "
        "leans towards the camera. Poses other than standing, sizes, turns about the vertical.",
        home=f"{HERE}.standing",
    ),
    Protocol(
        name="mirror",
        about="a picture and its mirror image must give mirrored bodies (no labels)",
        cases=f"{HERE}.mirror:cases",
        figures=f"{HERE}.mirror:figures",
        truth="symmetry: nothing tells a picture from its mirror image",
        joints="24 joints of the skeleton (COCO's 17 keypoints where a result has no skeleton)",
        root="middle of the hips",
        alignment="none, and similarity (PA)",
        headline="joint difference, mean",
        blind="Whatever is wrong in the same way on both sides: wrong depth, size, or pose that is "
        "mirrored along. A method that averages both looks scores 0 and need not be right.",
        several_looks=True,
        home=f"{HERE}.mirror",
    ),
    Protocol(
        name="jitter",
        about="how far bodies move when box, picture or focal length change a little (no labels)",
        cases=f"{HERE}.jitter:cases",
        figures=f"{HERE}.jitter:figures",
        truth="the body from the undisturbed picture",
        joints="24 joints of the skeleton (COCO's 17 keypoints where a result has no skeleton)",
        root="middle of the hips; a turn of the picture is undone",
        alignment="none, and similarity (PA)",
        headline="motion, mean",
        blind="Whatever stays wrong: a method that always gives the same body scores 0. A flow "
        "with a focal length of its own (--focal) does not see the focal lengths tried here.",
        several_looks=True,
        home=f"{HERE}.jitter",
    ),
    Protocol(
        name="masks",
        about="how well any segmenter's masks agree with COCO's outlines",
        cases=f"{HERE}.masks:cases",
        figures=f"{HERE}.masks:figures",
        truth="COCO's outlines, of people above 3,000 pixels and of smaller ones",
        joints="none",
        boxes="annotated; prompted with all that the detector says of the person in them",
        headline="IoU",
        blind="COCO's outlines are polygons clicked by hand: fingers and hair are cut, and holes "
        "filled. From .9 on an IoU says more about them than about the mask.",
        keeps=frozenset({"mask"}),
        segments_only=True,
        home=f"{HERE}.masks",
    ),
    Protocol(
        name="3dpw",
        about="3DPW: joints and vertices against motion capture outdoors",
        cases=f"{HERE}.pose3d:cases",
        figures=f"{HERE}.pose3d:figures",
        truth="SMPL meshes of the person's gender, joints by Human3.6M's regressor",
        joints=LSP14_OF_MESH,
        root=PELVIS,
        alignment=SIMILARITY,
        boxes=OF_ROWS,
        headline="MPJPE",
        blind="Place before the camera and size in the room: only the pose around the pelvis.",
        doubted=f"{HERE}.pose3d:exchanged_genders",
        compared=f"{HERE}.pose3d:compared",
    ),
    *(
        Protocol(
            name=name,
            about=f"Human3.6M, {about}: joints against motion capture in a studio, by action",
            cases=f"{HERE}.pose3d:cases",
            figures=f"{HERE}.pose3d:figures",
            truth="stored joints (S), as they are; vertices of the neutral body where rows have it",
            joints=LSP14_OF_MESH,
            root=f"of the answer {PELVIS}; of the truth as stored",
            alignment=SIMILARITY,
            boxes=OF_ROWS,
            headline="MPJPE",
            blind="Place before the camera; four actors in one room, whose clothes do not vary.",
            home=f"{HERE}.pose3d",
            compared=f"{HERE}.pose3d:compared",
        )
        for name, about in (
            ("h36m-p1", "all cameras"),
            ("h36m-p2", "frontal camera, every fifth frame"),
        )
    ),
    Protocol(
        name="mpi-inf-3dhp",
        about="MPI-INF-3DHP: joints, PCK and AUC, indoors and outdoors",
        cases=f"{HERE}.pose3d:cases",
        figures=f"{HERE}.pose3d:figures",
        truth="stored joints (S), as they are",
        joints="17: LSP's 14 with Human3.6M's head, pelvis, spine, jaw; by Human3.6M's regressor",
        root=f"of the answer {PELVIS}; of the truth as stored",
        alignment=SIMILARITY,
        boxes=OF_ROWS,
        headline="MPJPE",
        blind="Place before the camera. The true joints are another skeleton's than the mesh's.",
        expected={"MPJPE": 10 * 16 / 17},  # the pelvis itself stays
        home=f"{HERE}.pose3d",
        compared=f"{HERE}.pose3d:compared",
    ),
    Protocol(
        name="synthetic",
        about="rendered people of whom everything is known: joints, surface, angles, distance",
        cases=f"{HERE}.synthetic:cases",
        figures=f"{HERE}.synthetic:figures",
        truth="the embedded body that was rendered, in clothes, poses of everyday and capture",
        joints="24 joints of the skeleton",
        root="the pelvis",
        alignment=SIMILARITY,
        boxes="around what is seen of the person",
        headline="PA-MPJPE",
        blind="Photographs: skin, cloth and light are simpler than real ones. A method whose body "
        "is the rendered one has it easier than one with another skeleton.",
        home=f"{HERE}.synthetic",
    ),
    Protocol(
        name="views",
        about="several calibrated cameras must see one body (no labels)",
        cases=f"{HERE}.views:cases",
        figures=f"{HERE}.views:figures",
        truth="the other views; keypoints triangulated from what the detector saw in all of them",
        joints="24 joints between views; COCO's shoulders to ankles against the triangulated ones",
        root="middle of the hips",
        alignment="similarity (PA), and the calibration's rotation alone",
        boxes="the detector's largest person",
        headline="disagreement, PA",
        blind="What all views get wrong alike. Triangulated keypoints are the detector's, not the "
        "skeleton's: their own residual in pixels stands beside, and bounds what can be said.",
        several_looks=True,
        home=f"{HERE}.views",
    ),
)
PROTOCOLS = {row.name: row for row in ROWS}


def find(name: str) -> Protocol:
    """The protocol of that name. Raises BadUsage for an unknown one."""
    return registry.find("There is no protocol called", PROTOCOLS, name)
