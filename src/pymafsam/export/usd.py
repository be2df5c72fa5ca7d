"""Rigged people as USD: a UsdSkel skeleton, skin and animation each (Pixar's Universal Scene
Description; Omniverse, Houdini, Maya, Blender). Needs usd-core, the extra ``usd``.

Metres, y up; a vertex follows as many joints as the body has it follow. Times are frames at the
clip's rate.
"""

# usd-core is C++ without stubs.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pymafsam.errors import MissingAsset
from pymafsam.export.rigs import Rig
from pymafsam.export.skinned import SKIN, continuous, quaternions, strongest
from pymafsam.files import made

ROOT = "/people"


def write_usd(people: Sequence[Rig], path: Path) -> None:
    """Everybody in one binary stage. Raises MissingAsset without usd-core."""
    try:
        from pxr import Sdf, Usd, UsdGeom
    except ImportError as error:
        raise MissingAsset('USD needs usd-core: pip install "pymafsam[usd]".') from error
    # The layer is written at once, under a name of its own: USD keeps layers open by name.
    layer = Sdf.Layer.CreateAnonymous(".usdc")
    layer.comment = made.mark("export")
    stage = Usd.Stage.Open(layer)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    rate = 1 / people[0].frame_time
    stage.SetTimeCodesPerSecond(rate)
    stage.SetFramesPerSecond(rate)
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(max(float(rig.seconds[-1]) for rig in people) * rate)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, ROOT).GetPrim())
    for rig in people:
        _person(stage, rig, rate)
    layer.Export(str(path))


def _person(stage: Any, rig: Rig, rate: float) -> None:
    from pxr import UsdSkel

    root = UsdSkel.Root.Define(stage, f"{ROOT}/{rig.name}")
    names = _joint_paths(rig)
    skeleton = _skeleton(stage, rig, names, f"{root.GetPath()}/skeleton")
    animation = _animation(stage, rig, names, f"{skeleton.GetPath()}/motion", rate)
    binding = UsdSkel.BindingAPI.Apply(skeleton.GetPrim())
    binding.CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    _mesh(stage, rig, f"{root.GetPath()}/mesh", skeleton)


def _joint_paths(rig: Rig) -> list[str]:
    """Joints are named by the way to them: ``pelvis/left_hip``."""
    paths: list[str] = []
    for name, parent in zip(rig.joint_names, rig.parents, strict=True):
        paths.append(name if parent < 0 else f"{paths[int(parent)]}/{name}")
    return paths


def _skeleton(stage: Any, rig: Rig, names: Sequence[str], path: str) -> Any:
    from pxr import UsdSkel, Vt

    skeleton = UsdSkel.Skeleton.Define(stage, path)
    skeleton.CreateJointsAttr(list(names))
    bind = np.tile(np.eye(4), (len(names), 1, 1))
    bind[:, 3, :3] = rig.rest_joints  # USD's vectors are rows
    rest = bind.copy()
    inner = rig.parents >= 0
    rest[inner, 3, :3] -= rig.rest_joints[rig.parents[inner]]
    skeleton.CreateBindTransformsAttr(Vt.Matrix4dArray.FromNumpy(bind))
    skeleton.CreateRestTransformsAttr(Vt.Matrix4dArray.FromNumpy(rest))
    return skeleton


def _animation(stage: Any, rig: Rig, names: Sequence[str], path: str, rate: float) -> Any:
    from pxr import Gf, UsdSkel, Vt

    animation = UsdSkel.Animation.Define(stage, path)
    animation.CreateJointsAttr(list(names))
    places, turns = animation.CreateTranslationsAttr(), animation.CreateRotationsAttr()
    animation.CreateScalesAttr(Vt.Vec3hArray([Gf.Vec3h(1, 1, 1)] * len(names)))
    quaternion = np.stack(
        [continuous(quaternions(rig.rotations[:, joint])) for joint in range(len(names))], axis=1
    )
    offsets = rig.rest_joints - rig.rest_joints[np.maximum(rig.parents, 0)]
    for row, seconds in enumerate(rig.seconds):
        offsets[0] = rig.places[row]
        time = float(seconds) * rate
        places.Set(Vt.Vec3fArray.FromNumpy(offsets.astype(np.float32)), time)
        turned = [
            Gf.Quatf(float(w), float(x), float(y), float(z)) for x, y, z, w in quaternion[row]
        ]
        turns.Set(Vt.QuatfArray(turned), time)
    return animation


def _mesh(stage: Any, rig: Rig, path: str, skeleton: Any) -> None:
    from pxr import Gf, UsdGeom, UsdSkel, Vt

    mesh = UsdGeom.Mesh.Define(stage, path)
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(rig.rest_vertices.astype(np.float32)))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(rig.faces), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(rig.faces.astype(np.int32).ravel()))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateDisplayColorAttr([Gf.Vec3f(*SKIN)])
    low, high = rig.rest_vertices.min(axis=0), rig.rest_vertices.max(axis=0)
    mesh.CreateExtentAttr([Gf.Vec3f(*map(float, low)), Gf.Vec3f(*map(float, high))])
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    joints, weights = strongest(rig.weights, len(rig.parents))
    most = joints.shape[1]
    binding.CreateJointIndicesPrimvar(False, most).Set(
        Vt.IntArray.FromNumpy(joints.astype(np.int32).ravel())
    )
    binding.CreateJointWeightsPrimvar(False, most).Set(
        Vt.FloatArray.FromNumpy(weights.astype(np.float32).ravel())
    )
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    binding.CreateGeomBindTransformAttr(Gf.Matrix4d(1))
