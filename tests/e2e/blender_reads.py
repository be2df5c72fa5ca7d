"""Run by a Python that has Blender (bpy): the posed vertices of a glb, as Blender sees them.

    python blender_reads.py in.glb out.npz 0,0.04,0.08

Seconds in, an array (times, vertices, 3) per mesh out, in Blender's axes (z up).
"""

import sys

import bpy
import numpy as np

glb, out, times = sys.argv[1:4]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_scene.gltf(filepath=glb)
scene = bpy.context.scene
found = {}
for thing in [one for one in bpy.data.objects if one.type == "MESH" and one.vertex_groups]:
    frames = []
    for seconds in map(float, times.split(",")):
        frame = seconds * scene.render.fps
        scene.frame_set(int(frame), subframe=frame - int(frame))
        posed = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
        mesh = posed.to_mesh()
        places = np.empty(3 * len(mesh.vertices))
        mesh.vertices.foreach_get("co", places)
        turn = np.array(posed.matrix_world)
        frames.append(places.reshape(-1, 3) @ turn[:3, :3].T + turn[:3, 3])
    found[thing.name] = np.stack(frames)
np.savez(out, **found)
