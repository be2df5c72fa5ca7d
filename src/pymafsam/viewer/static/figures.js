// Bodies in space: still ones of pictures, moving ones of clips. Metres, y up, the camera at 0.
"use strict";

const Figures = (() => {
  function bytes(text) {
    const raw = atob(text);
    const out = new Uint8Array(raw.length);
    for (let k = 0; k < raw.length; k++) out[k] = raw.charCodeAt(k);
    return out.buffer;
  }
  const floats = (text) => new Float32Array(bytes(text));

  function surface(positions, faces) {
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(positions, 3));
    geometry.setIndex(new THREE.BufferAttribute(new Uint32Array(bytes(faces)), 1));
    geometry.computeVertexNormals();
    return geometry;
  }

  // A body that lets the photograph shine through shows its nearest surface only: its depth is
  // drawn first, its colour after that.
  function layers(make) {
    const depth = make(new THREE.MeshBasicMaterial({ colorWrite: false }));
    const colour = make(new THREE.MeshStandardMaterial({ roughness: 0.75, metalness: 0 }));
    depth.renderOrder = 1;
    colour.renderOrder = 2;
    const group = new THREE.Group();
    group.add(depth, colour);
    return { group, material: colour.material };
  }

  class Still {
    constructor(person, document) {
      const geometry = surface(floats(person.vertices), document.faces);
      Object.assign(this, layers((material) => new THREE.Mesh(geometry, material)));
      this.joints = person.joints.map((place) => new THREE.Vector3(...place));
    }
    at() { return true; }
  }

  class Moving {
    constructor(person, document) {
      this.rows = new Map(person.frames.map((frame, row) => [frame, row]));
      this.turns = floats(person.turns);
      this.places = floats(person.places);
      this.rest = person.rest_joints;
      this.parents = document.parents;
      this.bones = this.parents.map(() => new THREE.Bone());
      this.parents.forEach((parent, joint) => {
        const from = parent < 0 ? [0, 0, 0] : this.rest[parent];
        this.bones[joint].position.set(...this.rest[joint].map((value, axis) => value - from[axis]));
        if (parent >= 0) this.bones[parent].add(this.bones[joint]);
      });
      this.bones[0].updateMatrixWorld(true);
      const skeleton = new THREE.Skeleton(this.bones);
      const geometry = surface(floats(person.rest_vertices), document.faces);
      const bones = new Uint16Array(bytes(person.bones));
      geometry.setAttribute("skinIndex", new THREE.Uint16BufferAttribute(bones, 4));
      geometry.setAttribute("skinWeight", new THREE.Float32BufferAttribute(floats(person.weights), 4));
      Object.assign(this, layers((material) => {
        const mesh = new THREE.SkinnedMesh(geometry, material);
        mesh.frustumCulled = false;
        mesh.bind(skeleton, new THREE.Matrix4());
        return mesh;
      }));
      this.group.add(this.bones[0]);
      this.joints = this.bones.map(() => new THREE.Vector3());
    }
    // Pose the body as in a frame of the clip; false where the person is not in it.
    at(frame) {
      const row = this.rows.get(frame);
      if (row === undefined) return false;
      const count = this.bones.length;
      this.bones.forEach((bone, joint) => {
        bone.quaternion.fromArray(this.turns, 4 * (row * count + joint));
      });
      this.bones[0].position.fromArray(this.places, 3 * row);
      this.bones[0].updateMatrixWorld(true);
      this.bones.forEach((bone, joint) => this.joints[joint].setFromMatrixPosition(bone.matrixWorld));
      return true;
    }
  }

  function of(document) {
    const kind = document.kind === "clip" ? Moving : Still;
    return document.people.map((person) => new kind(person, document));
  }

  function dispose(hung) {
    hung.group.traverse((part) => {
      if (part.geometry) part.geometry.dispose();
      if (part.material) {
        if (part.material.map) part.material.map.dispose();
        part.material.dispose();
      }
    });
  }

  return { of, dispose };
})();
