// The page: what is shown, what a visitor does with it, what the server is asked.
"use strict";

(() => {
  const find = (id) => document.getElementById(id);
  const content = JSON.parse(find("content").textContent);
  const UNSURE = 0.5; // confidence of keypoints that are ringed red
  const NEAR = 11; // screen pixels within which a point is taken hold of
  const STILL = 4; // screen pixels by which a click may move
  const AHEAD = 12; // frames of a film fetched before they are shown
  const BONES = [
    ["left_shoulder", "right_shoulder"], ["left_hip", "right_hip"],
    ...["left", "right"].flatMap((side) => [
      ["shoulder", "elbow"], ["elbow", "wrist"], ["shoulder", "hip"], ["hip", "knee"],
      ["knee", "ankle"], ["ankle", "heel"], ["heel", "foot_index"], ["eye", "ear"],
    ].map((ends) => ends.map((end) => `${side}_${end}`))),
    ["nose", "left_eye"], ["nose", "right_eye"],
  ];
  const FLIPS = [
    ["whole", "whole body"], ["arms", "arms"], ["legs", "legs"], ["left_arm", "left arm"],
    ["right_arm", "right arm"], ["left_leg", "left leg"], ["right_leg", "right leg"],
  ];
  const SIDES = ["whole", "arms", "legs"];
  const FILES = {
    glb: "skeleton, skin, motion", glb4: "the same, four joints a vertex", bvh: "motion",
    usd: "skeleton, skin, motion", ply: "surface", csv: "joints", amass: "SMPL's npz",
  };

  const state = {
    number: 0, shown: null, figures: [], looks: [], masks: [], chosen: 0, view: "camera",
    frame: 0, playing: false, desk: null, adding: false, held: null,
  };
  let photograph, through, film = new Map();

  // ---- space ------------------------------------------------------------------------------
  const canvas = find("space");
  let renderer;
  try {
    renderer = new THREE.WebGLRenderer({ canvas, antialias: true, preserveDrawingBuffer: true });
  } catch (error) {
    tell("This browser draws nothing in space: WebGL is missing or switched off. "
      + "Try another one; `pymafsam render` makes pictures without.", true);
    find("still").hidden = false;
    return;
  }
  const space = new THREE.Scene();
  space.background = new THREE.Color("#1d1f23");
  space.add(new THREE.HemisphereLight(0xffffff, 0x777788, 1.6));
  const sun = new THREE.DirectionalLight(0xffffff, 1.8);
  sun.position.set(-0.6, 1.2, 1);
  space.add(sun);
  const around = new THREE.PerspectiveCamera(40, 1, 0.02, 1000);
  const orbit = new THREE.OrbitControls(around, canvas);
  orbit.addEventListener("change", () => soon());
  const camera = () => (state.view === "camera" ? through.camera : around);

  let waiting = false;
  function soon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }

  function draw() {
    if (!state.shown) return;
    const { clientWidth: width, clientHeight: height } = find("stage");
    if (!width || !height) return;
    renderer.setPixelRatio(window.devicePixelRatio);
    renderer.setSize(width, height, false);
    through.fit(width, height);
    around.aspect = width / height;
    around.updateProjectionMatrix();
    space.getObjectByName("frustum").visible = state.view !== "camera";
    state.figures.forEach((figure, k) => {
      const look = state.looks[k];
      look.there = figure.at(state.frame);
      figure.group.visible = look.there && look.mesh;
      figure.material.color.set(look.colour);
      figure.material.opacity = look.opacity;
      figure.material.transparent = look.opacity < 1;
    });
    renderer.render(space, camera());
    drawMarks(width, height);
    document.body.dataset.drawn = String(Number(document.body.dataset.drawn || 0) + 1);
  }

  function onScreen(place, width, height) {
    const p = place.clone().project(camera());
    return [(p.x + 1) / 2 * width, (1 - p.y) / 2 * height];
  }

  // ---- marks: skeletons, keypoints, boxes and clicks over everything ----------------------
  function drawMarks(width, height) {
    const marks = find("marks");
    const ratio = window.devicePixelRatio;
    [marks.width, marks.height] = [width * ratio, height * ratio];
    const pen = marks.getContext("2d");
    pen.scale(ratio, ratio);
    pen.lineCap = "round";
    const at = (u, v) => onScreen(photograph.place(u, v), width, height);
    state.shown.people.forEach((person, k) => {
      const look = state.looks[k];
      if (look.skeleton && look.there) drawSkeleton(pen, state.figures[k], look, width, height);
      if (look.keypoints && person.keypoints) drawKeypoints(pen, person, look, k, at);
      if (state.desk) drawSaid(pen, k, at);
    });
  }

  function line(pen, from, to, colour, thick) {
    pen.strokeStyle = colour;
    pen.lineWidth = thick;
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
  }

  function dot(pen, [x, y], radius, fill, ring) {
    pen.beginPath();
    pen.arc(x, y, radius, 0, 7);
    pen.fillStyle = fill;
    pen.fill();
    if (!ring) return;
    pen.strokeStyle = ring;
    pen.lineWidth = 2;
    pen.stroke();
  }

  function drawSkeleton(pen, figure, look, width, height) {
    const places = figure.joints.map((joint) => onScreen(joint, width, height));
    state.shown.parents.forEach((parent, joint) => {
      if (parent < 0) return;
      line(pen, places[parent], places[joint], "#0008", 5);
      line(pen, places[parent], places[joint], look.colour, 2.5);
    });
    places.forEach((place) => dot(pen, place, 2.5, "#fff"));
  }

  function pointOf(person, k, name) {
    const held = state.held;
    if (held && held.kind === "point" && held.person === k && held.name === name) return held.at;
    const row = person.keypoints.find((one) => one[0] === name);
    return row && row.slice(1, 3);
  }

  function drawKeypoints(pen, person, look, k, at) {
    for (const ends of BONES) {
      const [from, to] = ends.map((end) => pointOf(person, k, end));
      if (from && to) line(pen, at(...from), at(...to), "#ffffffb0", 1.5);
    }
    for (const [name, , , confidence] of person.keypoints) {
      const pin = person.pins && name in person.pins;
      const ring = pin ? "#ffd34d" : confidence < UNSURE ? "#ff3b30" : "#0009";
      const large = state.desk && k === state.chosen;
      dot(pen, at(...pointOf(person, k, name)), large ? 5 : 3.5, look.colour, ring);
    }
  }

  function boxOf(k) {
    const held = state.held;
    if (held && held.kind === "corner" && held.person === k) return held.box;
    const row = state.desk.rows[k];
    return (row && row.box) || state.shown.people[k].box;
  }

  function drawSaid(pen, k, at) {
    const [x0, y0, x1, y1] = boxOf(k);
    const corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]].map(([u, v]) => at(u, v));
    const lead = k === state.chosen;
    corners.forEach((corner, n) => {
      line(pen, corner, corners[(n + 1) % 4], lead ? "#6ea8ff" : "#ffffff70", lead ? 2 : 1);
    });
    if (lead) corners.forEach((corner) => dot(pen, corner, 5, "#6ea8ff", "#fff"));
    for (const [u, v, inside] of (state.desk.rows[k] && state.desk.rows[k].clicks) || []) {
      dot(pen, at(u, v), 5, inside ? "#38d66b" : "#ff3b30", "#fff");
    }
  }

  // ---- what is shown ----------------------------------------------------------------------
  function usualLook(person) {
    return {
      mesh: true, skeleton: false, keypoints: false, mask: false, opacity: 0.85,
      colour: person.colour, open: new Set(),
    };
  }

  async function show(shown, { keep = false } = {}) {
    const before = keep ? state.looks : [];
    const figures = Figures.of(shown);
    const looks = shown.people.map((person, k) => ({ ...usualLook(person), ...before[k] }));
    const masks = await Promise.all(
      shown.people.map((person) => (person.mask ? Picture.image(person.mask) : null)));
    const next = new Picture.Photograph(shown);
    if (shown.photograph) next.image = await Picture.image(shown.photograph);
    next.stand(Math.max(1, ...shown.people.map(depthOf)));
    hang(next, figures, keep);
    Object.assign(state, { shown, figures, looks, masks });
    state.chosen = Math.min(state.chosen, Math.max(figures.length - 1, 0));
    if (shown.kind === "clip") {
      find("frame").max = shown.seconds.length - 1;
      await toFrame(Math.min(state.frame, shown.seconds.length - 1));
    } else {
      state.frame = 0;
      drawPhotograph();
    }
    find("time").hidden = shown.kind !== "clip";
    find("name").textContent = shown.name;
    tell(shown.note || (shown.people.length ? "" : "Nobody was found in this picture."));
    listPeople();
    listDownloads();
    if (!keep) look(state.view);
    soon();
    document.body.dataset.ready = `${state.number}`;
  }

  // Take down what hung there, and hang a photograph with its figures.
  function hang(next, figures, keep) {
    const view = keep && through ? { zoom: through.zoom, moved: through.moved } : null;
    const before = photograph ? [photograph, ...state.figures] : [];
    photograph = next;
    through = Object.assign(new Picture.Through(photograph), view);
    for (const one of before) space.remove(one.group);
    space.add(photograph.group, ...figures.map((figure) => figure.group));
    // What hung there goes last: its shaders serve what hangs now.
    renderer.compile(space, through.camera);
    before.forEach(Figures.dispose);
  }

  function depthOf(person) {
    if (person.translation) return person.translation[2];
    const places = new Float32Array(Uint8Array.from(atob(person.places), (c) => c.charCodeAt(0)).buffer);
    let depth = 0;
    for (let k = 2; k < places.length; k += 3) depth = Math.max(depth, -places[k]);
    return depth;
  }

  function drawPhotograph() {
    const masks = state.masks
      .map((image, k) => ({ image, colour: state.looks[k].colour, on: state.looks[k].mask }))
      .filter((one) => one.image && one.on);
    photograph.draw(masks);
    soon();
  }

  // Everybody's middle and size, for views from elsewhere.
  function crowd() {
    const box = { low: [Infinity, Infinity, Infinity], high: [-Infinity, -Infinity, -Infinity] };
    state.figures.forEach((figure, k) => {
      if (!figure.at(state.frame)) return;
      for (const joint of figure.joints) {
        joint.toArray().forEach((value, axis) => {
          box.low[axis] = Math.min(box.low[axis], value);
          box.high[axis] = Math.max(box.high[axis], value);
        });
      }
    });
    if (!isFinite(box.low[0])) return { middle: new THREE.Vector3(0, 0, -photograph.depth), size: 2 };
    const middle = new THREE.Vector3(...box.low.map((low, k) => (low + box.high[k]) / 2));
    return { middle, size: Math.max(...box.low.map((low, k) => box.high[k] - low), 1) };
  }

  function look(view) {
    state.view = view;
    for (const button of document.querySelectorAll("#views button")) {
      button.classList.toggle("on", button.dataset.view === view);
    }
    orbit.enabled = view !== "camera";
    if (view !== "camera") {
      const { middle, size } = crowd();
      const from = { free: [0.7, 0.35, 0.8], side: [1, 0.05, 0], top: [0, 1, 0.001] }[view];
      const away = new THREE.Vector3(...from).normalize().multiplyScalar(size * 2.1);
      orbit.target.copy(middle);
      around.position.copy(middle).add(away);
      orbit.update();
    }
    soon();
  }

  // ---- clips ------------------------------------------------------------------------------
  function filmAddress(index) {
    const frames = state.shown.film;
    if (!frames) return null;
    if (typeof frames === "string") return `exhibits/${state.number}/${frames.replace("{}", index)}`;
    while (index > 0 && !frames[index]) index--;
    return frames[index];
  }

  function fetchFrame(index) {
    const address = filmAddress(index);
    if (!address) return Promise.resolve(null);
    if (!film.has(address)) {
      film.set(address, Picture.image(address).catch(() => null));
      if (film.size > 240) film.delete(film.keys().next().value);
    }
    return film.get(address);
  }

  async function toFrame(index) {
    const shown = state.shown;
    state.frame = index;
    find("frame").value = index;
    find("clock").textContent = `${shown.seconds[index].toFixed(2)} s · ${index + 1}/${shown.seconds.length}`;
    const image = await fetchFrame(index);
    if (state.frame !== index || state.shown !== shown) return;
    photograph.image = image || photograph.image;
    for (let k = 1; k <= AHEAD && index + k < shown.seconds.length; k++) fetchFrame(index + k);
    drawPhotograph();
  }

  // Frames follow the clock: a slow machine leaves some out.
  async function play() {
    state.playing = !state.playing;
    find("play").textContent = state.playing ? "Pause" : "Play";
    const shown = state.shown;
    const { seconds } = shown;
    let begin = performance.now() / 1000 - seconds[state.frame] + seconds[0];
    while (state.playing && state.shown === shown) {
      let now = performance.now() / 1000 - begin + seconds[0];
      if (now > seconds[seconds.length - 1] + 1 / shown.rate) {
        begin = performance.now() / 1000;
        now = seconds[0];
      }
      let due = seconds.findIndex((at) => at > now + 1e-6) - 1;
      if (due < 0) due = seconds.length - 1;
      if (due !== state.frame) await toFrame(due);
      await new Promise((resolve) => setTimeout(resolve, 8));
    }
  }

  // ---- the people's cards -----------------------------------------------------------------
  function element(kind, options = {}, ...inside) {
    const made = Object.assign(document.createElement(kind), options);
    made.append(...inside);
    return made;
  }

  function listPeople() {
    find("people").replaceChildren(...state.shown.people.map(card));
  }

  function card(person, k) {
    const look = state.looks[k];
    const toggle = (word) => {
      const box = element("input", { type: "checkbox", checked: look[word] });
      box.dataset.toggle = word;
      box.onchange = () => { look[word] = box.checked; drawPhotograph(); };
      return element("label", {}, box, ` ${word}`);
    };
    const words = ["mesh", "skeleton"];
    if (person.keypoints) words.push("keypoints");
    if (person.mask) words.push("mask");
    const colour = element("input", { type: "color", value: look.colour, title: "Colour" });
    colour.oninput = () => { look.colour = colour.value; drawPhotograph(); };
    const opacity = element("input", {
      type: "range", min: 0, max: 1, step: 0.05, value: look.opacity, title: "Opacity",
    });
    opacity.oninput = () => { look.opacity = Number(opacity.value); soon(); };
    const score = person.score === undefined ? "" : `score ${person.score.toFixed(2)}`;
    const title = element("h2", {}, colour, person.name, element("small", { textContent: score }));
    title.onclick = () => choose(k);
    const parts = [title, element("div", { className: "switches" }, ...words.map(toggle)),
      element("label", { className: "opacity" }, "opacity ", opacity), numbers(person, k)];
    if (state.desk) {
      const away = element("button", { textContent: "×", title: "Not a person that is meant" });
      away.dataset.act = "remove";
      away.onclick = () => say((rows) => rows.splice(k, 1));
      title.append(away);
      parts.push(flips(k));
    }
    const chosen = state.desk && k === state.chosen;
    return element("div", { className: chosen ? "person chosen" : "person" }, ...parts);
  }

  // Details that stay open when their card is made anew.
  function folded(title, k, ...inside) {
    const open = state.looks[k].open;
    const made = element("details", { open: open.has(title) },
      element("summary", { textContent: title }), ...inside);
    made.ontoggle = () => (made.open ? open.add(title) : open.delete(title));
    return made;
  }

  function numbers(person, k) {
    const rows = [];
    const row = (name, values) => {
      const cells = values.map((value) => element("td", { textContent: value.toFixed(2) }));
      rows.push(element("tr", {}, element("td", { textContent: name }), ...cells));
    };
    if (person.translation) row("place (m)", person.translation);
    if (person.pose) person.pose.forEach((turn, k) => row(state.shown.joint_names[k] || k, turn));
    const shape = element("p", { textContent: `shape: ${person.betas.map((b) => b.toFixed(2)).join(" ")}` });
    const table = element("table", {}, ...rows);
    return folded("pose and shape", k, shape, table);
  }

  function flips(k) {
    const grid = element("div", { className: "flips" });
    for (const [part, called] of FLIPS) {
      grid.append(element("span", { textContent: called }));
      for (const [way, label] of [["sides", "left ↔ right"], ["depth", "front ↔ back"]]) {
        if (way === "sides" && !SIDES.includes(part)) {
          grid.append(element("span"));
          continue;
        }
        const button = element("button", { textContent: label });
        button.dataset.flip = `${part} ${way}`;
        const said = state.desk.rows[k].flips || [];
        button.classList.toggle("on", said.some((flip) => flip.part === part && flip.way === way));
        button.onclick = () => say((rows) => turn(rows[k], part, way));
        grid.append(button);
      }
    }
    return folded("the wrong way round", k, grid);
  }

  function turn(row, part, way) {
    const others = (row.flips || []).filter((flip) => flip.part !== part || flip.way !== way);
    const had = others.length !== (row.flips || []).length;
    row.flips = had ? others : [...others, { part, way }];
  }

  function choose(k) {
    state.chosen = k;
    if (state.desk) for (const [n, one] of state.looks.entries()) one.keypoints = n === k;
    listPeople();
    soon();
  }

  // ---- correcting -------------------------------------------------------------------------
  async function ask(address, body) {
    const options = body && {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    };
    let answer, said;
    try {
      answer = await fetch(address, options);
      said = await answer.json();
    } catch (error) {
      throw new Error("The server does not answer; is it still running? Nothing is lost.");
    }
    if (!answer.ok) throw Object.assign(new Error(said.error || "It did not work."), { status: answer.status });
    return said;
  }

  async function busy(words, work) {
    find("busy").textContent = words;
    find("busy").hidden = false;
    document.body.dataset.busy = "1";
    try {
      return await work();
    } catch (error) {
      tell(error.message, true);
      if (error.status === 409) await reopen();
      return undefined;
    } finally {
      find("busy").hidden = true;
      delete document.body.dataset.busy;
    }
  }

  function tell(words, wrong = false) {
    find("note").textContent = words;
    find("note").classList.toggle("wrong", wrong);
  }

  const deskAddress = () => `exhibits/${state.number}/desk/${state.desk ? state.desk.index : state.frame}`;

  async function take(answer) {
    state.desk = { ...state.desk, revision: answer.revision, rows: answer.rows };
    find("saved").textContent = answer.revision
      ? `Kept in ${answer.saved_to}` : `Will be kept in ${answer.saved_to}`;
    await show(answer.document, { keep: true });
  }

  async function reopen() {
    const why = find("note").textContent;
    await take(await ask(deskAddress()));
    tell(why, true);
  }

  async function correct() {
    if (state.desk) return leave();
    state.playing = false;
    await busy("Networks are loaded, the picture is looked at…", async () => {
      const index = state.frame;
      const answer = await ask(deskAddress());
      const clip = state.shown.kind === "clip" ? state.shown : null;
      state.desk = { index, clip, first: answer.revision };
      look("camera");
      await take(answer);
      choose(state.chosen);
      for (const one of state.looks) Object.assign(one, { mask: true, opacity: 0.5 });
      drawPhotograph();
      listPeople();
    });
    tools();
  }

  async function leave() {
    const { clip, index, first, revision } = state.desk;
    state.desk = null;
    tools();
    if (clip) {
      state.frame = index;
      await show(clip);
      if (revision !== first) retake(state.number);
    }
    listPeople();
    soon();
  }

  // The whole clip follows what was said of a frame; meanwhile the page can be used.
  async function retake(number) {
    const address = `exhibits/${number}/retake`;
    const here = () => state.number === number && !state.desk;
    try {
      let told = await ask(address, {});
      while (told.running) {
        if (here()) tell(`The clip follows what you said: ${told.stage}.`);
        await new Promise((resolve) => setTimeout(resolve, 400));
        told = await ask(address);
      }
      if (told.error) throw new Error(told.error);
      const made = await ask(`exhibits/${number}/document`);
      if (!here()) return;
      await show(made, { keep: true });
      tell("The clip has been fitted anew with what you said.");
    } catch (error) {
      if (here()) tell(error.message, true);
    }
  }

  function tools() {
    find("tools").hidden = !state.desk;
    find("correct").classList.toggle("on", Boolean(state.desk));
    find("add").classList.toggle("on", state.adding);
  }

  // Change what is said of the picture, and show what follows.
  function say(change) {
    if (!state.desk || document.body.dataset.busy) return undefined;
    const rows = structuredClone(state.desk.rows);
    change(rows);
    return busy("…", async () => {
      await take(await ask(deskAddress(), { revision: state.desk.revision, rows }));
    });
  }

  function undo() {
    if (!state.desk || document.body.dataset.busy) return undefined;
    return busy("…", async () => {
      await take(await ask(`${deskAddress()}/undo`, { revision: state.desk.revision }));
    });
  }

  // ---- the pointer ------------------------------------------------------------------------
  function hold(x, y, shift) {
    if (!state.desk || state.view !== "camera" || !state.shown.people.length) return null;
    const k = state.chosen;
    const person = state.shown.people[k];
    const far = ([u, v]) => Math.hypot(
      through.scale * u + through.shift[0] - x, through.scale * v + through.shift[1] - y);
    const points = shift ? [] : person.keypoints.map((row) => ({
      kind: "point", person: k, name: row[0], at: row.slice(1, 3),
    }));
    const [x0, y0, x1, y1] = boxOf(k);
    const corners = [[0, 1], [2, 1], [2, 3], [0, 3]].map(([a, b]) => ({
      kind: "corner", person: k, ends: [a, b], box: [x0, y0, x1, y1],
      at: [[x0, y0, x1, y1][a], [x0, y0, x1, y1][b]],
    }));
    const near = [...points, ...corners].filter((one) => far(one.at) < NEAR);
    near.sort((one, other) => far(one.at) - far(other.at));
    return near[0] || null;
  }

  const place = (event) => {
    const edge = canvas.getBoundingClientRect();
    return [event.clientX - edge.left, event.clientY - edge.top];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (state.view !== "camera") return;
    canvas.setPointerCapture(event.pointerId);
    const [x, y] = place(event);
    state.pressed = { x, y, moved: [...through.moved], far: 0, button: event.button };
    state.held = event.button ? null : hold(x, y, event.shiftKey);
  });

  canvas.addEventListener("pointermove", (event) => {
    const pressed = state.pressed;
    if (!pressed) return;
    const [x, y] = place(event);
    pressed.far = Math.max(pressed.far, Math.hypot(x - pressed.x, y - pressed.y));
    if (pressed.far <= STILL) return;
    const [u, v] = through.pixel(x, y);
    if (!state.held) {
      through.moved = [pressed.moved[0] + x - pressed.x, pressed.moved[1] + y - pressed.y];
    } else if (state.held.kind === "point") {
      state.held.at = [u, v];
    } else {
      const [a, b] = state.held.ends;
      state.held.box[a] = u;
      state.held.box[b] = v;
    }
    soon();
  });

  canvas.addEventListener("pointerup", async (event) => {
    const { pressed, held } = state;
    state.pressed = null;
    if (!pressed) return;
    const [u, v] = through.pixel(...place(event));
    if (pressed.far > STILL) {
      if (held && held.kind === "point") {
        await say((rows) => {
          rows[held.person].pins = { ...rows[held.person].pins, [held.name]: held.at };
        });
      } else if (held) {
        const [x0, y0, x1, y1] = held.box;
        await say((rows) => {
          rows[held.person].box = [
            Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
        });
      }
    } else if (state.desk && !pressed.button) {
      await click(u, v, event.shiftKey);
    }
    state.held = null;
    soon();
  });

  function click(u, v, outside) {
    const [w, h] = state.shown.size;
    if (u < 0 || v < 0 || u > w || v > h) return undefined;
    if (state.adding || !state.desk.rows.length) {
      state.adding = false;
      tools();
      state.chosen = state.desk.rows.length;
      return say((rows) => rows.push({ clicks: [[u, v, 1]] }));
    }
    const within = (k) => {
      const [x0, y0, x1, y1] = boxOf(k);
      return u >= x0 && u <= x1 && v >= y0 && v <= y1;
    };
    const other = state.shown.people.findIndex((_, k) => k !== state.chosen && within(k));
    if (!within(state.chosen) && other >= 0) return choose(other);
    return say((rows) => {
      const row = rows[state.chosen];
      row.clicks = [...(row.clicks || []), [u, v, outside ? 0 : 1]];
    });
  }

  canvas.addEventListener("wheel", (event) => {
    if (state.view !== "camera") return;
    event.preventDefault();
    const { clientWidth, clientHeight } = find("stage");
    through.come(Math.exp(-event.deltaY / 500), ...place(event), clientWidth, clientHeight);
    soon();
  }, { passive: false });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());

  // ---- the rest of the page ---------------------------------------------------------------
  function listDownloads() {
    const menu = find("downloads");
    menu.replaceChildren(element("option", { textContent: "Download…", value: "" }));
    const names = content.live
      ? content.downloads[state.shown.kind] || [] : Object.keys(content.files[state.number]);
    for (const name of names) {
      const saved = name.startsWith("result-");
      const called = saved ? `${name.slice(7)} (as reconstruct saves it)`
        : name in FILES ? `${name} (${FILES[name]})` : name;
      menu.append(element("option", { textContent: called, value: name }));
    }
  }

  function fetchFile(address, name) {
    const link = element("a", { href: address, download: name || "" });
    document.body.append(link);
    link.click();
    link.remove();
  }

  find("downloads").onchange = async (event) => {
    const name = event.target.value;
    event.target.value = "";
    if (!name) return;
    if (!content.live) {
      fetchFile(content.files[state.number][name], name);
      return;
    }
    const corrected = state.desk ? `?corrected=${state.desk.index}` : "";
    await busy("The file is made…", async () => {
      const answer = await fetch(`exhibits/${state.number}/downloads/${name}${corrected}`);
      if (!answer.ok) throw new Error((await answer.json()).error);
      const said = answer.headers.get("Content-Disposition").match(/filename="(.*)"/);
      const address = URL.createObjectURL(await answer.blob());
      fetchFile(address, said[1]);
      setTimeout(() => URL.revokeObjectURL(address), 60000);
    });
  };

  function screenshot() {
    draw();
    const whole = document.createElement("canvas");
    [whole.width, whole.height] = [canvas.width, canvas.height];
    const pen = whole.getContext("2d");
    pen.drawImage(canvas, 0, 0);
    pen.drawImage(find("marks"), 0, 0, whole.width, whole.height);
    const stem = content.exhibits[state.number].stem.split("/").pop();
    fetchFile(whole.toDataURL("image/png"), `${stem}_${state.view}.png`);
  }

  async function open(number) {
    if (document.body.dataset.busy) return;
    Object.assign(state, { number, chosen: 0, frame: 0, playing: false, desk: null, view: "camera" });
    find("play").textContent = "Play";
    film = new Map();
    tools();
    delete document.body.dataset.ready;
    for (const button of find("shelf").children) {
      button.classList.toggle("on", Number(button.dataset.number) === number);
    }
    const { name } = content.exhibits[number];
    history.replaceState(null, "", `#${number}`);
    await busy(`${name} is opened; photographs are reconstructed first…`, async () => {
      await show(content.live ? await ask(`exhibits/${number}/document`) : content.documents[number]);
    });
  }

  function listExhibits() {
    if (content.exhibits.length < 2) return;
    content.exhibits.forEach((one, number) => {
      const live = `exhibits/${number}/thumbnail.jpg`;
      const source = content.live ? live : content.documents[number].photograph;
      const picture = element("img", { loading: "lazy", alt: "" });
      if (source) picture.src = source;
      const button = element("button", { title: one.name }, picture,
        element("span", { textContent: one.stem }));
      button.dataset.number = number;
      button.onclick = () => open(number);
      find("shelf").append(button);
    });
  }

  for (const button of document.querySelectorAll("#views button")) {
    button.onclick = () => look(button.dataset.view);
  }
  find("screenshot").onclick = screenshot;
  find("correct").onclick = correct;
  find("correct").hidden = !content.live;
  find("undo").onclick = undo;
  find("add").onclick = () => { state.adding = !state.adding; tools(); };
  find("play").onclick = play;
  find("frame").oninput = (event) => toFrame(Number(event.target.value));
  window.addEventListener("resize", soon);
  window.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select")) return;
    if (event.key === "z" && (event.ctrlKey || event.metaKey)) undo();
    if (event.key === " " && state.shown && state.shown.kind === "clip") {
      event.preventDefault();
      play();
    }
  });

  // For tests and the curious: where a picture's pixel is on the page.
  window.pymafsam = {
    state,
    onPage: (u, v) => {
      const edge = canvas.getBoundingClientRect();
      return [edge.left + through.scale * u + through.shift[0],
              edge.top + through.scale * v + through.shift[1]];
    },
  };
  listExhibits();
  const first = Number(location.hash.slice(1));  // page#2 is the third picture
  open(first in content.exhibits ? first : 0);
})();
