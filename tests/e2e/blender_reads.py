"""Run by a Python that has Blender (bpy): what Blender sees in our files, at some seconds.

    python blender_reads.py in.glb out.npz 0,0.04,0.08
    python blender_reads.py in.bvh out.npz 0,0.04,0.08

Of a glb an array (times, vertices, 3) per mesh, posed; of a bvh (times, 3) per joint. Blender's
axes (z up). A name that ends in .fbx in place of out.npz: the glb is converted, and read again.
"""

import sys

import bpy
import numpy as np

given, out = sys.argv[1:3]
moments = [float(word) for word in sys.argv[3].split(",")]
first = 0
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene


def at(seconds):
    """Blender counts frames, also in parts."""
    frame = first + seconds * scene.render.fps / scene.render.fps_base
    scene.frame_set(int(frame), subframe=frame - int(frame))


def surfaces():
    found = {}
    for thing in [one for one in bpy.data.objects if one.type == "MESH" and one.vertex_groups]:
        frames = []
        for seconds in moments:
            at(seconds)
            posed = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
            mesh = posed.to_mesh()
            places = np.empty(3 * len(mesh.vertices))
            mesh.vertices.foreach_get("co", places)
            turn = np.array(posed.matrix_world)
            frames.append(places.reshape(-1, 3) @ turn[:3, :3].T + turn[:3, 3])
        found[thing.name] = np.stack(frames)
    return found


def joints():
    (rig,) = [one for one in bpy.data.objects if one.type == "ARMATURE"]
    found = {bone.name: [] for bone in rig.pose.bones}
    for seconds in moments:
        at(seconds)
        turn = np.array(rig.matrix_world)
        for bone in rig.pose.bones:
            found[bone.name].append(turn[:3, :3] @ np.array(bone.head) + turn[:3, 3])
    return {name: np.stack(places) for name, places in found.items()}


if given.endswith(".bvh"):
    bpy.ops.import_anim.bvh(filepath=given, global_scale=0.01, update_scene_fps=True)
    first = 1  # Blender's own first frame
    np.savez(out, **joints())
else:
    if out.endswith(".fbx"):  # which is written frame by frame: those shall be the clip's
        scene.render.fps = round(1 / (moments[1] - moments[0]))
    bpy.ops.import_scene.gltf(filepath=given)
    if out.endswith(".fbx"):
        bpy.ops.export_scene.fbx(filepath=out)
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.ops.import_scene.fbx(filepath=out)
        scene = bpy.context.scene
        out = out.removesuffix(".fbx") + ".npz"
    np.savez(out, **surfaces())
