// Draws the surfaces with WebGL; nothing here knows of the page's controls.

const VERTEX = `
attribute vec3 point; attribute vec3 normal; attribute float gap;
uniform mat4 camera; uniform mat3 turn; uniform vec3 tint; uniform float span; uniform bool coloured; uniform bool known;
varying vec3 facing; varying vec3 colour;
vec3 cold(float t) {
  vec3 middle = vec3(0.93, 0.93, 0.91);
  return t < 0.5 ? mix(middle, vec3(0.40, 0.66, 0.85), t * 2.0) : mix(vec3(0.40, 0.66, 0.85), vec3(0.02, 0.28, 0.60), t * 2.0 - 1.0);
}
vec3 warm(float t) {
  vec3 middle = vec3(0.93, 0.93, 0.91);
  return t < 0.5 ? mix(middle, vec3(0.96, 0.65, 0.40), t * 2.0) : mix(vec3(0.96, 0.65, 0.40), vec3(0.70, 0.09, 0.07), t * 2.0 - 1.0);
}
void main() {
  float t = min(abs(gap) / span, 1.0);
  colour = !coloured ? tint : !known ? vec3(0.55) : gap < 0.0 ? cold(t) : warm(t);
  facing = turn * normal;
  gl_Position = camera * vec4(point, 1.0);
}`;
const FRAGMENT = `
precision mediump float;
varying vec3 facing; varying vec3 colour;
uniform float opacity; uniform bool plain;
void main() {
  if (plain) { gl_FragColor = vec4(colour, 1.0); return; }
  vec3 normal = normalize(facing);
  if (!gl_FrontFacing) normal = -normal;
  float light = 0.34 + 0.52 * max(dot(normal, normalize(vec3(-0.35, 0.45, 0.82))), 0.0) + 0.18 * max(normal.z, 0.0);
  float shine = 0.10 * pow(max(dot(normal, normalize(vec3(-0.18, 0.24, 0.95))), 0.0), 24.0);
  gl_FragColor = vec4(colour * light + shine, opacity);
}`;

/** A drawer on a canvas; null where the browser has no WebGL. */
function drawer(canvas, scene) {
  const options = { antialias: true, alpha: true, premultipliedAlpha: false, preserveDrawingBuffer: true };
  const gl = canvas.getContext("webgl2", options) || canvas.getContext("webgl", options);
  if (!gl || !(gl.drawingBufferWidth > 0)) return null;
  if (typeof WebGL2RenderingContext === "undefined" || !(gl instanceof WebGL2RenderingContext)) gl.getExtension("OES_element_index_uint");
  const program = link(gl);
  gl.useProgram(program);
  const places = ["point", "normal", "gap"].map((name) => gl.getAttribLocation(program, name));
  const uniforms = {};
  for (const name of ["camera", "turn", "tint", "span", "coloured", "known", "opacity", "plain"]) uniforms[name] = gl.getUniformLocation(program, name);
  for (const shell of scene.shells) upload(gl, shell);
  gl.enable(gl.DEPTH_TEST);

  const one = (shell, look) => {
    shell.buffers.forEach((buffer, i) => {
      if (!buffer) {
        gl.disableVertexAttribArray(places[i]);
        gl.vertexAttrib1f(places[i], 0);
        return;
      }
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.enableVertexAttribArray(places[i]);
      gl.vertexAttribPointer(places[i], i === 2 ? 1 : 3, gl.FLOAT, false, 0, 0);
    });
    gl.uniform3fv(uniforms.tint, look.tint);
    gl.uniform1i(uniforms.known, shell.distances ? 1 : 0);
    gl.uniform1f(uniforms.opacity, look.opacity);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, shell.indices);
    gl.drawElements(gl.TRIANGLES, shell.triangles.length, gl.UNSIGNED_INT, 0);
  };

  /** `looks` gives a shell's tint and opacity, or null if it is hidden. */
  const draw = (view, looks, coloured, span) => {
    prepare(gl, uniforms, view, canvas);
    gl.uniform1i(uniforms.coloured, coloured ? 1 : 0);
    gl.uniform1f(uniforms.span, span);
    gl.uniform1i(uniforms.plain, 0);
    const shown = scene.shells.map((shell) => [shell, looks(shell)]).filter(([, look]) => look);
    gl.disable(gl.BLEND);
    gl.depthMask(true);
    for (const [shell, look] of shown) if (look.opacity >= 1) one(shell, look);
    // Far surfaces first, and of each the back before the front, so that what is behind shows through.
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.depthMask(false);
    gl.enable(gl.CULL_FACE);
    const depth = ([shell]) => view.depth(shell.centre);
    for (const [shell, look] of shown.filter(([, look]) => look.opacity < 1).sort((a, b) => depth(b) - depth(a))) {
      for (const face of [gl.FRONT, gl.BACK]) {
        gl.cullFace(face);
        one(shell, look);
      }
    }
    gl.disable(gl.CULL_FACE);
    gl.depthMask(true);
  };

  /** The shell under a place of the canvas, found by drawing every shell in a colour of its own. */
  const pick = (view, looks, x, y) => {
    prepare(gl, uniforms, view, canvas);
    gl.disable(gl.BLEND);
    gl.uniform1i(uniforms.coloured, 0);
    gl.uniform1i(uniforms.plain, 1);
    scene.shells.forEach((shell, i) => {
      const look = looks(shell), n = i + 1;
      if (look) one(shell, { tint: [(n & 255) / 255, ((n >> 8) & 255) / 255, 0], opacity: 1 });
    });
    const pixel = new Uint8Array(4);
    gl.readPixels(x, canvas.height - 1 - y, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    return scene.shells[pixel[0] + pixel[1] * 256 - 1] || null;
  };
  return { draw, pick };
}

function prepare(gl, uniforms, view, canvas) {
  gl.viewport(0, 0, canvas.width, canvas.height);
  gl.clearColor(0, 0, 0, 0);
  gl.depthMask(true);
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  gl.uniformMatrix4fv(uniforms.camera, false, view.camera(canvas.width / canvas.height));
  gl.uniformMatrix3fv(uniforms.turn, false, view.turn());
}

function link(gl) {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return program;
}

function upload(gl, shell) {
  const buffer = (kind, data) => {
    const made = gl.createBuffer();
    gl.bindBuffer(kind, made);
    gl.bufferData(kind, data, gl.STATIC_DRAW);
    return made;
  };
  const values = [shell.points, shell.normals, shell.distances];
  shell.buffers = values.map((data) => data && buffer(gl.ARRAY_BUFFER, data));
  shell.indices = buffer(gl.ELEMENT_ARRAY_BUFFER, shell.triangles);
}

/** Where the scene is seen from: angles, zoom and shift; parallel projection, so that sizes can be compared. */
function viewpoint(scene) {
  const [low, high] = scene.bounds, centre = low.map((value, k) => (value + high[k]) / 2);
  const radius = Math.hypot(...low.map((value, k) => high[k] - value)) / 2 || 1;
  const view = { around: 0, above: 0.12, zoom: 1, shift: [0, 0], radius };
  // Axes of the screen in the patient: to the viewer's right, up, towards the viewer. Seen from the front, the patient's right is left.
  view.axes = () => {
    const [s, c, t, d] = [Math.sin(view.around), Math.cos(view.around), Math.sin(view.above), Math.cos(view.above)];
    const near = [s * d, c * d, t], right = [-c, s, 0];
    const up = [near[1] * right[2] - near[2] * right[1], near[2] * right[0] - near[0] * right[2], near[0] * right[1] - near[1] * right[0]];
    return [right, up, near];
  };
  view.turn = () => {
    const [right, up, near] = view.axes();
    return new Float32Array([right[0], up[0], near[0], right[1], up[1], near[1], right[2], up[2], near[2]]);
  };
  view.camera = (aspect) => {
    const [right, up, near] = view.axes(), scale = (0.98 * view.zoom) / radius;
    const [x, y] = aspect > 1 ? [scale / aspect, scale] : [scale, scale * aspect];
    const row = (axis, factor, offset) => [...axis.map((v) => v * factor), offset - factor * axis.reduce((sum, v, k) => sum + v * centre[k], 0)];
    const rows = [row(right, x, view.shift[0] * x * radius), row(up, y, view.shift[1] * y * radius), row(near, -1 / (2 * radius), 0), [0, 0, 0, 1]];
    const matrix = new Float32Array(16);
    rows.forEach((values, r) => values.forEach((value, k) => (matrix[k * 4 + r] = value)));
    return matrix;
  };
  view.depth = (place) => -view.axes()[2].reduce((sum, v, k) => sum + v * place[k], 0);
  return view;
}
