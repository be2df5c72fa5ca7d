// What the page (src/pymafsam/viewer/static/app.js) uses of three.js; README.md says how to bundle it.
export {
  AmbientLight, Bone, BufferAttribute, BufferGeometry, CanvasTexture, Color, DirectionalLight, DoubleSide,
  Float32BufferAttribute, Group, HemisphereLight, LineBasicMaterial, LineSegments, Matrix4, Mesh,
  MeshBasicMaterial, MeshStandardMaterial, PerspectiveCamera, Quaternion, Scene, Skeleton, SkinnedMesh,
  SRGBColorSpace, Uint16BufferAttribute, Vector3, WebGLRenderer,
} from 'three';
export { OrbitControls } from 'three/addons/controls/OrbitControls.js';
