// The photograph in its camera's frustum, and the way from its pixels to the screen and back.
"use strict";

const Picture = (() => {
  const BEHIND = 1.25; // how much farther away than the farthest body the photograph stands
  const LARGEST = 2048; // pixels of the canvas that photograph and masks are drawn on

  class Photograph {
    constructor(document) {
      this.size = document.size;
      this.focal = document.camera.focal;
      this.centre = document.camera.centre;
      this.canvas = window.document.createElement("canvas");
      const scale = Math.min(1, LARGEST / Math.max(...this.size));
      this.canvas.width = Math.max(1, Math.round(this.size[0] * scale));
      this.canvas.height = Math.max(1, Math.round(this.size[1] * scale));
      this.texture = new THREE.CanvasTexture(this.canvas);
      this.texture.colorSpace = THREE.SRGBColorSpace;
      this.image = null;
      this.group = new THREE.Group();
    }

    // Where a pixel lies on the photograph as it stands in space.
    place(u, v) {
      const z = this.depth;
      return new THREE.Vector3(
        (u - this.centre[0]) / this.focal * z, -(v - this.centre[1]) / this.focal * z, -z);
    }

    stand(farthest) {
      this.depth = Math.max(farthest * BEHIND, 0.5);
      const [w, h] = this.size;
      const corners = [[0, 0], [w, 0], [w, h], [0, h]].map(([u, v]) => this.place(u, v));
      const plane = new THREE.BufferGeometry().setFromPoints(corners);
      plane.setAttribute("uv", new THREE.Float32BufferAttribute([0, 1, 1, 1, 1, 0, 0, 0], 2));
      plane.setIndex([0, 2, 1, 0, 3, 2]);
      const look = new THREE.MeshBasicMaterial({ map: this.texture, side: THREE.DoubleSide });
      const eye = new THREE.Vector3();
      const edges = corners.flatMap((corner, k) => [eye, corner, corner, corners[(k + 1) % 4]]);
      const lines = new THREE.LineSegments(
        new THREE.BufferGeometry().setFromPoints(edges),
        new THREE.LineBasicMaterial({ color: 0x8f97a3 }));
      lines.name = "frustum";
      this.group.add(new THREE.Mesh(plane, look), lines);
    }

    // The photograph (a plain ground where there is none) with masks laid over it.
    draw(masks) {
      const { width, height } = this.canvas;
      const pen = this.canvas.getContext("2d");
      pen.fillStyle = "#3b3f46";
      pen.fillRect(0, 0, width, height);
      if (this.image) pen.drawImage(this.image, 0, 0, width, height);
      for (const { image, colour } of masks) {
        const tint = window.document.createElement("canvas");
        [tint.width, tint.height] = [width, height];
        const ink = tint.getContext("2d");
        ink.drawImage(image, 0, 0, width, height);
        ink.globalCompositeOperation = "source-in";
        ink.fillStyle = colour;
        ink.fillRect(0, 0, width, height);
        pen.globalAlpha = 0.5;
        pen.drawImage(tint, 0, 0);
        pen.globalAlpha = 1;
      }
      this.texture.needsUpdate = true;
    }
  }

  // The view through the photograph's own camera: picture pixel p is at scale * p + shift.
  class Through {
    constructor(photograph) {
      this.photograph = photograph;
      this.camera = new THREE.PerspectiveCamera();
      this.camera.matrixAutoUpdate = false;
      this.zoom = 1;
      this.moved = [0, 0];
    }
    fit(width, height) {
      const [w, h] = this.photograph.size;
      this.scale = 0.96 * Math.min(width / w, height / h) * this.zoom;
      this.shift = [(width - this.scale * w) / 2 + this.moved[0],
                    (height - this.scale * h) / 2 + this.moved[1]];
      const { focal, centre } = this.photograph;
      const [near, far] = [0.02, 1000];
      const c = [0, 1].map((k) => this.scale * centre[k] + this.shift[k]);
      this.camera.projectionMatrix.set(
        2 * this.scale * focal / width, 0, 1 - 2 * c[0] / width, 0,
        0, 2 * this.scale * focal / height, 2 * c[1] / height - 1, 0,
        0, 0, -(far + near) / (far - near), -2 * far * near / (far - near),
        0, 0, -1, 0);
      this.camera.projectionMatrixInverse.copy(this.camera.projectionMatrix).invert();
    }
    // Come nearer, with what is at a place of the screen staying there.
    come(factor, x, y, width, height) {
      const [u, v] = this.pixel(x, y);
      this.zoom = Math.min(Math.max(this.zoom * factor, 0.2), 40);
      this.fit(width, height);
      this.moved[0] += x - (this.scale * u + this.shift[0]);
      this.moved[1] += y - (this.scale * v + this.shift[1]);
    }
    pixel(x, y) {
      return [(x - this.shift[0]) / this.scale, (y - this.shift[1]) / this.scale];
    }
  }

  function image(address) {
    return new Promise((resolve, reject) => {
      const one = new Image();
      one.onload = () => resolve(one);
      one.onerror = () => reject(new Error("A picture could not be loaded."));
      one.src = address;
    });
  }

  return { Photograph, Through, image };
})();
