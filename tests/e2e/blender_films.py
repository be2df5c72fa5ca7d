"""Run by a Python that has Blender (bpy): where Blender's cameras see a glb's vertices.

    python blender_films.py in.glb says_camera.py out 640 480

For the camera in the file and some that are placed here ``out/NAME.json``, which the given program
writes as camera.json, and ``out/NAME.npz``: x, y and depth (metres) of every mesh' vertices in a
picture of that size.
"""

import os
import sys
from pathlib import Path

import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Euler

given, program, out = map(Path, sys.argv[1:4])
width, height = map(int, sys.argv[4:6])
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_scene.gltf(filepath=str(given))
scene = bpy.context.scene
scene.render.resolution_x, scene.render.resolution_y = width, height
text = program.read_text()


def placed(name, where, turned, **lens):
    """A camera as a user of Blender places one."""
    data = bpy.data.cameras.new(name)
    for word, value in lens.items():
        setattr(data, word, value)
    camera = bpy.data.objects.new(name, data)
    camera.location, camera.rotation_euler = where, Euler(turned)
    scene.collection.objects.link(camera)


placed("usual", (1.0, 1.0, 0.5), (1.4, 0.0, 0.2))
placed("wide", (-2.0, 2.0, 1.5), (1.2, 0.3, -0.8), lens=24, sensor_fit="HORIZONTAL")
placed("narrow", (0.5, 0.0, -1.0), (1.8, -0.1, 0.1), lens=70, sensor_fit="VERTICAL")
bpy.context.view_layer.update()
os.chdir(out)
for camera in [one for one in bpy.data.objects if one.type == "CAMERA"]:
    scene.camera = camera
    exec(text, {})
    Path("camera.json").rename(f"{camera.name}.json")
    seen = {}
    for mesh in [one for one in bpy.data.objects if one.type == "MESH"]:
        places = [mesh.matrix_world @ vertex.co for vertex in mesh.data.vertices]
        shares = np.array([world_to_camera_view(scene, camera, place) for place in places])
        seen[mesh.name] = shares * (width, -height, 1) + (0, height, 0)
    np.savez(f"{camera.name}.npz", **seen)
