"use strict";
// Reads the scene: JSON with names and counts, and one packed block with all points, triangles and distances.

/** Inflates the packed block; it is gzip in base64. */
async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Whole numbers of any size: seven bits a byte, the lowest first, the sign in the lowest bit. */
function reader(bytes) {
  let at = 0;
  return () => {
    let value = 0, scale = 1, byte;
    do {
      byte = bytes[at++];
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte > 127);
    return value % 2 ? -(value + 1) / 2 : value / 2;
  };
}

/** The surfaces of a scene: points in millimetres (right, anterior, superior), triangles, unit normals, signed distances. */
async function readScene() {
  const scene = JSON.parse(document.getElementById("scene").textContent);
  const next = reader(await inflate(scene.packed));
  const [low, high] = scene.bounds;
  scene.shells = [];
  scene.structures.forEach((structure, number) => {
    for (const side of ["reference", "prediction"]) {
      const counts = structure[side];
      if (!counts) continue;
      const points = new Float32Array(counts.points * 3), last = [0, 0, 0];
      for (let i = 0; i < points.length; i++) {
        last[i % 3] += next();
        points[i] = low[i % 3] + (last[i % 3] / 65535) * (high[i % 3] - low[i % 3]);
      }
      const triangles = new Uint32Array(counts.triangles * 3);
      for (let i = 0, index = 0; i < triangles.length; i++) triangles[i] = index += next();
      let distances = null;
      if (counts.distances) {
        distances = new Float32Array(counts.points);
        for (let i = 0, hundredths = 0; i < distances.length; i++) distances[i] = (hundredths += next()) / 100;
      }
      scene.shells.push({ number, side, points, triangles, distances, normals: normalsOf(points, triangles), centre: middle(points) });
    }
  });
  return scene;
}

function middle(points) {
  const sum = [0, 0, 0];
  points.forEach((value, i) => (sum[i % 3] += value));
  return sum.map((value) => (3 * value) / points.length);
}

function normalsOf(points, triangles) {
  const normals = new Float32Array(points.length);
  for (let t = 0; t < triangles.length; t += 3) {
    const [a, b, c] = [triangles[t] * 3, triangles[t + 1] * 3, triangles[t + 2] * 3];
    const u = [0, 1, 2].map((k) => points[b + k] - points[a + k]), v = [0, 1, 2].map((k) => points[c + k] - points[a + k]);
    const normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    for (const corner of [a, b, c]) for (let k = 0; k < 3; k++) normals[corner + k] += normal[k];
  }
  for (let i = 0; i < normals.length; i += 3) {
    const length = Math.hypot(normals[i], normals[i + 1], normals[i + 2]) || 1;
    for (let k = 0; k < 3; k++) normals[i + k] /= length;
  }
  return normals;
}
