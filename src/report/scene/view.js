// The page's controls: which structures are shown and how, and from where.

const page = (id) => document.getElementById(id);

/** Rounds up to one of 1, 2, 5 times a power of ten. */
function round(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value * 0.999);
}

/** Distance that nine in ten points stay below: the ends of the colour scale. */
function usualSpan(scene) {
  const all = scene.shells.flatMap((shell) => (shell.distances ? [...shell.distances] : [])).map(Math.abs).sort((a, b) => a - b);
  return round(Math.max(all[Math.floor(all.length * 0.95)] || 1, 0.1));
}

function colour(structure) {
  return structure.color.map((value) => value / 255);
}

/** A row with a checkbox for each structure. */
function listStructures(scene, state, redraw) {
  const list = page("structures");
  scene.structures.forEach((structure, number) => {
    const label = document.createElement("label"), box = document.createElement("input"), swatch = document.createElement("i");
    const sides = ["reference", "prediction"].filter((side) => structure[side]);
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => { state.shown[number] = box.checked; redraw(); });
    swatch.style.background = `rgb(${structure.color.join()})`;
    label.append(box, swatch, structure.name);
    if (scene.compared && sides.length === 1) {
      const note = document.createElement("small");
      note.textContent = sides[0] === "reference" ? "missed" : "not in the reference";
      label.append(note);
    }
    list.append(label);
  });
  const boxes = [...list.querySelectorAll("input")];
  const choose = (wanted) => {
    boxes.forEach((box, number) => {
      if (box.closest("label").hidden) return;
      box.checked = wanted(number);
      state.shown[number] = box.checked;
    });
    redraw();
  };
  page("all").addEventListener("click", () => choose(() => true));
  page("none").addEventListener("click", () => choose(() => false));
  page("filter").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase();
    boxes.forEach((box, number) => (box.closest("label").hidden = !scene.structures[number].name.toLowerCase().includes(words)));
  });
  page("filter").hidden = boxes.length < 9;
}

function lookControls(scene, state, redraw) {
  for (const side of ["reference", "prediction"]) {
    const box = page(side), slider = page(`${side}-opacity`);
    const there = scene.shells.some((shell) => shell.side === side);
    box.closest(".side").hidden = !there || !scene.compared;
    state[side] = { shown: side === "prediction" || !scene.compared || !scene.shells.some((shell) => shell.side === "prediction"), opacity: Number(slider.value) / 100 };
    box.checked = state[side].shown;
    box.addEventListener("change", () => { state[side].shown = box.checked; redraw(); });
    slider.addEventListener("input", () => { state[side].opacity = slider.value / 100; redraw(); });
  }
  if (!scene.compared) {
    page("single").hidden = false;
    page("single-opacity").addEventListener("input", (event) => {
      state.reference.opacity = state.prediction.opacity = event.target.value / 100;
      redraw();
    });
  }
  page("colouring").hidden = !scene.compared;
  const recolour = () => {
    state.coloured = page("by-distance").checked;
    page("scale").hidden = !state.coloured;
    redraw();
  };
  page("by-distance").addEventListener("change", recolour);
  page("by-structure").addEventListener("change", recolour);
  const span = page("span");
  span.value = state.span;
  const rescale = () => {
    if (!(span.valueAsNumber > 0)) return;
    state.span = span.valueAsNumber;
    page("low").textContent = `−${state.span} mm`;
    page("high").textContent = `+${state.span} mm`;
    redraw();
  };
  span.addEventListener("input", rescale);
  rescale();
}

/** Mouse, touch and keys turn, move and zoom. */
function moveControls(canvas, view, redraw) {
  const fingers = new Map();
  const spread = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
  const zoom = (factor) => { view.zoom = Math.min(Math.max(view.zoom * factor, 0.3), 40); redraw(); };
  const turn = (x, y) => { view.around += x; view.above = Math.min(Math.max(view.above + y, -Math.PI / 2), Math.PI / 2); redraw(); };
  const move = (x, y) => { const size = Math.min(canvas.clientWidth, canvas.clientHeight) / 2; view.shift[0] += x / size; view.shift[1] -= y / size; redraw(); };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    view.turning(false);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const [x, y] = [event.clientX - before[0], event.clientY - before[1]];
    if (fingers.size === 2) {
      const apart = spread();
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      zoom(spread() / Math.max(apart, 1));
      move(x / 2, y / 2);
    } else {
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (event.shiftKey || event.buttons & 6) move(x, y);
      else turn(x * 0.008, y * 0.008);
    }
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(-event.deltaY * 0.0015)); }, { passive: false });
  const keys = {
    ArrowLeft: () => turn(-0.1, 0), ArrowRight: () => turn(0.1, 0), ArrowUp: () => turn(0, 0.1), ArrowDown: () => turn(0, -0.1),
    "+": () => zoom(1.15), "=": () => zoom(1.15), "-": () => zoom(1 / 1.15), 0: () => { Object.assign(view, { around: 0, above: 0.12, zoom: 1, shift: [0, 0] }); redraw(); },
    " ": () => view.turning(), f: () => look("front"), b: () => look("back"), r: () => look("right"), l: () => look("left"), t: () => look("top"), u: () => look("below"),
  };
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (event.key !== " ") view.turning(false);
    keys[event.key]();
  });
  const half = Math.PI / 2;
  const sides = { front: [0, 0], back: [Math.PI, 0], right: [half, 0], left: [-half, 0], top: [0, half], below: [0, -half] };
  const look = (side) => { [view.around, view.above] = sides[side]; redraw(); };
  for (const button of document.querySelectorAll("[data-side]")) button.addEventListener("click", () => { view.turning(false); look(button.dataset.side); });
  page("reset").addEventListener("click", () => { view.turning(false); keys[0](); });
}

/** Letters at the ends of the patient's axes, as on a compass. */
function compass(view) {
  const ends = { R: [1, 0, 0], L: [-1, 0, 0], A: [0, 1, 0], P: [0, -1, 0], S: [0, 0, 1], I: [0, 0, -1] };
  const letters = Object.entries(ends).map(([letter, axis]) => {
    const mark = document.createElement("b");
    mark.textContent = letter;
    page("compass").append(mark);
    return [mark, axis];
  });
  return () => {
    const axes = view.axes();
    for (const [mark, axis] of letters) {
      const [x, y, z] = axes.map((screen) => screen.reduce((sum, v, k) => sum + v * axis[k], 0));
      mark.style.transform = `translate(${x * 30}px, ${-y * 30}px)`;
      mark.style.opacity = z < -0.7 ? 0.15 : 0.45 + 0.55 * Math.max(z + 0.6, 0) / 1.6;
    }
  };
}

async function start() {
  const canvas = page("canvas"), scene = await readScene();
  const view = viewpoint(scene), drawing = drawer(canvas, scene);
  if (!drawing) {
    page("failure").hidden = false;
    return;
  }
  const state = { shown: scene.structures.map(() => true), coloured: false, span: usualSpan(scene) };
  const looks = (shell) => {
    const side = state[shell.side];
    return side.shown && side.opacity > 0 && state.shown[shell.number] ? { tint: colour(scene.structures[shell.number]), opacity: side.opacity } : null;
  };
  const showAxes = compass(view);
  let waiting = false;
  const redraw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; now(); });
  };
  const now = () => {
    const sharp = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [Math.round(canvas.clientWidth * sharp), Math.round(canvas.clientHeight * sharp)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    drawing.draw(view, looks, state.coloured, state.span);
    showAxes();
  };
  let turns = 0;
  view.turning = (wanted = !turns) => {
    page("turn").setAttribute("aria-pressed", wanted);
    if (!wanted) { cancelAnimationFrame(turns); turns = 0; return; }
    let last = performance.now();
    const step = (time) => { view.around += (time - last) * 0.0007; last = time; now(); turns = requestAnimationFrame(step); };
    if (!turns) turns = requestAnimationFrame(step);
  };
  page("turn").addEventListener("click", () => view.turning());
  listStructures(scene, state, redraw);
  lookControls(scene, state, redraw);
  moveControls(canvas, view, redraw);
  const name = (event) => {
    if (event.buttons || turns) return;
    const box = canvas.getBoundingClientRect(), scale = canvas.width / box.width;
    const shell = drawing.pick(view, looks, Math.round((event.clientX - box.left) * scale), Math.round((event.clientY - box.top) * scale));
    now();
    page("under").textContent = shell ? scene.structures[shell.number].name + (scene.compared ? `, ${shell.side}` : "") : "";
  };
  canvas.addEventListener("pointermove", name);
  canvas.addEventListener("click", name);
  new ResizeObserver(redraw).observe(canvas);
  now();
  document.documentElement.dataset.ready = "true";
}

start().catch((error) => {
  page("failure").hidden = false;
  page("failure").append(` (${error.message})`);
});
