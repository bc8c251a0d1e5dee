// Turns a GLB file where it stands: reads glTF 2.0 and draws it by WebGL2, by pointer, wheel or keys.
// What it cannot read (Draco, meshopt, KTX2, broken, huge) it says; the file's link is there anyway.

const LARGEST = 96 * 2 ** 20; // bytes; beyond it a phone's tab dies
const MOST = 6e6; // points, and corners of triangles: some hundred megabytes
const MOST_PARTS = 20000; // a node that is its own child would never end
const MOST_SHOWN = 8; // at once; browsers take the oldest of 16 drawings away
const SIDE = 4096; // pixels of a texture; more look no better in a page's column
const AREA = 2 ** 26; // pixels of all pictures that are shown: decoded, a quarter of a gigabyte
const FIELD = Math.tan(Math.PI / 10); // half of what is seen at a distance of 1
const REFUSED = { KHR_draco_mesh_compression: "Draco compression", EXT_meshopt_compression: "meshopt compression",
  KHR_meshopt_compression: "meshopt compression", KHR_texture_basisu: "KTX2 textures" };
// Extensions that change shading at most may be required: what is drawn is still what it is.
const HARMLESS = /^(KHR_materials_\w+|KHR_mesh_quantization|EXT_texture_webp)$/;
const KINDS = { 5120: ["Int8", 1, 127], 5121: ["Uint8", 1, 255], 5122: ["Int16", 2, 32767],
  5123: ["Uint16", 2, 65535], 5125: ["Uint32", 4, 1], 5126: ["Float32", 4, 1] };
const WIDE = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4 };
const VERTEX = `#version 300 es
in vec3 place, normal; in vec2 uv; in vec4 tint;
uniform mat4 world, view, lens;
out vec3 seen, facing; out vec2 at; out vec4 colour;
void main() {
  vec4 here = view * world * vec4(place, 1.);
  seen = here.xyz; at = uv; colour = tint;
  facing = mat3(view) * transpose(inverse(mat3(world))) * normal;
  gl_Position = lens * here;
}`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec3 seen, facing; in vec2 at; in vec4 colour;
uniform vec4 base; uniform sampler2D picture; uniform vec3 how; // no normals, unlit, least alpha
out vec4 pixel;
void main() {
  vec4 own = base * colour * texture(picture, at);
  if (own.a < how.z) discard;
  vec3 n = normalize(how.x > 0. ? cross(dFdx(seen), dFdy(seen)) : gl_FrontFacing ? facing : -facing);
  float light = .3 + .25 * n.y + .8 * max(dot(n, vec3(.35, .6, .72)), 0.);
  pixel = vec4(pow(own.rgb * (how.y > 0. ? 1. : light), vec3(.4545)) * own.a, own.a);
}`;

class Refusal extends Error {}
const check = (good, why = "is broken") => { if (!good) throw new Refusal(why); };
const readable = (names) => names.forEach((name) =>
  check(HARMLESS.test(name), `needs ${REFUSED[name] ?? name}, and no viewer of that is here`));

function open(file) {
  const view = new DataView(file), found = {};
  check(file.byteLength > 20 && view.getUint32(0, true) === 0x46546c67, "is not a GLB file");
  check(view.getUint32(4, true) === 2, "is not of GLB 2");
  for (let at = 12; at + 8 <= file.byteLength;) {
    const size = view.getUint32(at, true);
    check(at + 8 + size <= file.byteLength, "is cut off");
    found[view.getUint32(at + 4, true)] ??= new Uint8Array(file, at + 8, size);
    at += 8 + size;
  }
  check(found[0x4e4f534a]);
  const doc = JSON.parse(new TextDecoder().decode(found[0x4e4f534a]));
  readable(doc.extensionsRequired ?? []);
  return { doc, bytes: found[0x004e4942] ?? new Uint8Array(), pixels: 0 };
}

function part({ doc, bytes }, index) {
  const { buffer, byteOffset: from = 0, byteLength: size } = doc.bufferViews?.[index] ?? {};
  check(!doc.buffers?.[buffer]?.uri, "has parts in other files");
  check(from >= 0 && size >= 0 && from + size <= bytes.length, "is cut off");
  return bytes.subarray(from, from + size);
}

function numbers(scene, index, wide, List = Float32Array, many) {
  if (index === undefined) return null;
  const one = scene.doc.accessors?.[index] ?? {}, { count, byteOffset: from = 0 } = one;
  const [kind, size, most] = KINDS[one.componentType] ?? [], own = WIDE[one.type];
  check(kind && own <= wide && count >= 0 && from >= 0);
  check(count <= MOST, "is too large to turn here");
  check(many === undefined || count === many); // more than there are points are drawn by nothing
  check(!one.sparse && one.bufferView !== undefined, "needs sparse parts, which are not read here");
  const at = part(scene, one.bufferView), step = scene.doc.bufferViews[one.bufferView].byteStride ?? own * size;
  check(step > 0 && (!count || from + step * (count - 1) + own * size <= at.length), "is cut off");
  const view = new DataView(at.buffer, at.byteOffset, at.length), by = one.normalized ? most : 1;
  const found = new List(count * wide).fill(1);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < own; k++) found[i * wide + k] = view[`get${kind}`](from + i * step + k * size, true) / by;
  }
  return found;
}

function product(a, b) {
  const found = new Float32Array(16);
  for (let i = 0; i < 64; i++) found[i >> 2] += a[(i & 3) * 4 + ((i >> 2) & 3)] * b[((i >> 2) & 12) + (i & 3)];
  return found;
}

function placed({ matrix, rotation: [x, y, z, w] = [0, 0, 0, 1], scale: [a, b, c] = [1, 1, 1], translation = [0, 0, 0] }) {
  return matrix ?? [
    (1 - 2 * (y * y + z * z)) * a, 2 * (x * y + z * w) * a, 2 * (x * z - y * w) * a, 0,
    2 * (x * y - z * w) * b, (1 - 2 * (x * x + z * z)) * b, 2 * (y * z + x * w) * b, 0,
    2 * (x * z + y * w) * c, 2 * (y * z - x * w) * c, (1 - 2 * (x * x + y * y)) * c, 0, ...translation, 1];
}

function* meshes({ doc }) {
  const roots = doc.scenes?.[doc.scene ?? 0]?.nodes ?? Object.keys(doc.nodes ?? []);
  check(roots.length < MOST_PARTS);
  const left = roots.map((k) => [k, placed({})]);
  for (let seen = 0; left.length; seen++) {
    const [k, above] = left.pop(), node = doc.nodes?.[k];
    check(node);
    const world = product(above, placed(node)), { children = [] } = node;
    const { primitives = [] } = doc.meshes?.[node.mesh] ?? {};
    // Before any is kept: a node may name itself a million times, and a mesh have as many parts.
    check((seen += primitives.length) + left.length + children.length < MOST_PARTS);
    for (const child of children) left.push([child, world]);
    for (const one of primitives) yield [one, world];
  }
}

function triangles(scene, { mode = 4, attributes = {}, indices, extensions = {} }) {
  readable(Object.keys(extensions));
  const place = numbers(scene, attributes.POSITION, 3);
  if (mode < 4 || !place) return null; // points and lines
  check(mode === 4, "is made of strips, and no viewer of that is here");
  const order = numbers(scene, indices, 1, Uint32Array) ?? Uint32Array.from({ length: place.length / 3 }, (_, k) => k);
  check(order.every((k) => k * 3 < place.length));
  const { NORMAL, TEXCOORD_0, COLOR_0 } = attributes;
  const each = (index, wide) => numbers(scene, index, wide, Float32Array, place.length / 3);
  return { order, place, normal: each(NORMAL, 3), uv: each(TEXCOORD_0, 2), tint: each(COLOR_0, 4) };
}

// How large a picture is by its head, before the browser makes pixels of it.
function sides(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length), begins = view.getUint32(0);
  if (begins === 0x89504e47) return [view.getUint32(16), view.getUint32(20)]; // PNG
  if (begins === 0x52494646) { // WebP, with loss, without, and extended
    const kind = view.getUint32(12), bits = view.getUint32(21, true);
    if (kind === 0x56503820) return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
    if (kind === 0x5650384c) return [(bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1];
    if (kind === 0x56503858) return [(view.getUint32(24, true) & 0xffffff) + 1, (view.getUint32(26, true) >>> 8) + 1];
  }
  check(begins >>> 16 === 0xffd8, "has a picture of a kind that is not read here");
  for (let at = 2; ; at += 2 + view.getUint16(at + 2)) { // JPEG: of each part its mark and length
    while (view.getUint16(at) === 0xffff) at++;
    const mark = view.getUint16(at);
    check(mark >>> 8 === 0xff);
    if (mark >= 0xffc0 && mark <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(mark)) return [view.getUint16(at + 7), view.getUint16(at + 5)];
  }
}

async function picture(scene, index, side) {
  const { source, extensions = {} } = scene.doc.textures?.[index] ?? {};
  readable(Object.keys(extensions).filter((name) => REFUSED[name]));
  const { bufferView, mimeType: type } = scene.doc.images?.[extensions.EXT_texture_webp?.source ?? source] ?? {};
  if (bufferView === undefined) return null;
  const bytes = part(scene, bufferView), [wide, high] = sides(bytes);
  check((scene.pixels += wide * high) <= AREA, "has a picture that is too large to show here");
  // Where it stands on the model goes by parts of it, so each side may be made smaller by itself.
  return createImageBitmap(new Blob([bytes], { type }), { premultiplyAlpha: "none", colorSpaceConversion: "none",
    resizeWidth: Math.min(wide, side), resizeHeight: Math.min(high, side) });
}

class Drawing {
  parts = [];
  pictures = new Map();
  low = [Infinity, Infinity, Infinity];
  high = [-Infinity, -Infinity, -Infinity];

  constructor(gl) {
    const program = gl.createProgram();
    Object.assign(this, { gl, at: (name) => gl.getUniformLocation(program, name) });
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    ["place", "normal", "uv", "tint"].forEach((name, k) => gl.bindAttribLocation(program, k, name));
    gl.linkProgram(program);
    gl.useProgram(program);
    for (const way of [gl.DEPTH_TEST, gl.BLEND]) gl.enable(way);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.white = this.texture(new ImageData(new Uint8ClampedArray(4).fill(255), 1));
  }

  texture(bitmap) {
    const { gl } = this, found = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, found);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.SRGB8_ALPHA8, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
    gl.generateMipmap(gl.TEXTURE_2D);
    return found;
  }

  async worn(scene, index) {
    if (index === undefined) return this.white;
    if (!this.pictures.has(index)) {
      const bitmap = await picture(scene, index, Math.min(SIDE, this.gl.getParameter(this.gl.MAX_TEXTURE_SIZE)));
      this.pictures.set(index, bitmap ? this.texture(bitmap) : this.white);
    }
    return this.pictures.get(index);
  }

  async load(scene) {
    let points = 0;
    for (const [one, world] of meshes(scene)) {
      const mesh = triangles(scene, one);
      if (!mesh) continue;
      points += mesh.place.length / 3 + mesh.order.length;
      check(points <= MOST, "is too large to turn here");
      this.measure(mesh.place, world);
      const { pbrMetallicRoughness: look = {}, alphaMode, alphaCutoff = 0.5, doubleSided, extensions = {} } =
        scene.doc.materials?.[one.material] ?? {};
      this.parts.push({
        world, doubleSided, array: this.array(mesh), count: mesh.order.length, blend: alphaMode === "BLEND",
        base: look.baseColorFactor ?? [1, 1, 1, 1], picture: await this.worn(scene, look.baseColorTexture?.index),
        how: [mesh.normal ? 0 : 1, extensions.KHR_materials_unlit ? 1 : 0, alphaMode === "MASK" ? alphaCutoff : 0],
      });
    }
    check(Number.isFinite(this.low[0] + this.high[0]), "has nothing to show");
    this.parts.sort((a, b) => a.blend - b.blend);
  }

  array({ order, place, normal, uv, tint }) {
    const { gl } = this, found = gl.createVertexArray();
    const fill = (kind, data) => {
      gl.bindBuffer(kind, gl.createBuffer());
      gl.bufferData(kind, data, gl.STATIC_DRAW);
    };
    gl.bindVertexArray(found);
    [[place, 3], [normal, 3], [uv, 2], [tint, 4]].forEach(([data, wide], k) => {
      gl.vertexAttrib4f(k, 1, 1, 1, 1);
      if (!data) return;
      fill(gl.ARRAY_BUFFER, data);
      gl.enableVertexAttribArray(k);
      gl.vertexAttribPointer(k, wide, gl.FLOAT, false, 0, 0);
    });
    fill(gl.ELEMENT_ARRAY_BUFFER, order);
    return found;
  }

  measure(place, m) {
    for (let i = 0; i < place.length; i += 3) {
      for (let k = 0; k < 3; k++) {
        const v = m[k] * place[i] + m[4 + k] * place[i + 1] + m[8 + k] * place[i + 2] + m[12 + k];
        if (v < this.low[k]) this.low[k] = v;
        if (v > this.high[k]) this.high[k] = v;
      }
    }
  }

  draw({ yaw, pitch, zoom }) {
    const { gl, low, high } = this, { width, height } = gl.canvas;
    const size = Math.hypot(...high.map((v, k) => v - low[k])) / 2 || 1;
    const away = (size / Math.sin(Math.atan(FIELD * Math.min(1, width / height)))) * zoom;
    const near = Math.max(away - size * 1.1, away / 1000), far = away + size * 1.1;
    const [a, b, c, d] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    const turn = [a, b * d, -b * c, 0, 0, c, d, 0, b, -a * d, a * c, 0, 0, 0, -away, 1];
    const middle = placed({ translation: high.map((v, k) => -(v + low[k]) / 2) });
    gl.viewport(0, 0, width, height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix4fv(this.at("view"), false, product(turn, middle));
    gl.uniformMatrix4fv(this.at("lens"), false, [height / width / FIELD, 0, 0, 0, 0, 1 / FIELD, 0, 0,
      0, 0, (far + near) / (near - far), -1, 0, 0, (2 * far * near) / (near - far), 0]);
    for (const { world, base, how, picture, array, count, doubleSided } of this.parts) {
      gl[doubleSided ? "disable" : "enable"](gl.CULL_FACE);
      gl.uniformMatrix4fv(this.at("world"), false, world);
      gl.uniform4fv(this.at("base"), base);
      gl.uniform3fv(this.at("how"), how);
      gl.bindTexture(gl.TEXTURE_2D, picture);
      gl.bindVertexArray(array);
      gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_INT, 0);
    }
  }
}

const START = { yaw: 0.6, pitch: 0.3, zoom: 1 };
const STEP = Math.PI / 24; // a press of an arrow key
const KEYS = { ArrowLeft: [-STEP], ArrowRight: [STEP], ArrowUp: [0, STEP], ArrowDown: [0, -STEP],
  "+": [0, 0, 0.9], "=": [0, 0, 0.9], "-": [0, 0, 1.1], 0: [] };

function steer(canvas, drawing) {
  const eye = { ...START }, within = (v, least, most) => Math.min(most, Math.max(least, v));
  let waiting = 0;
  const turn = (yaw = 0, pitch = 0, zoom = 1) => {
    eye.yaw += yaw;
    eye.pitch = within(eye.pitch + pitch, -1.5, 1.5);
    eye.zoom = within(eye.zoom * zoom, 0.2, 4);
    waiting ||= requestAnimationFrame(() => { waiting = 0; drawing.draw(eye); });
  };
  canvas.addEventListener("keydown", (event) => {
    if (!KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (event.key === "0") Object.assign(eye, START);
    turn(...KEYS[event.key]);
  });
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) turn(event.movementX / 120, event.movementY / 120);
  });
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas) return; // else it would hold up whoever scrolls by
    event.preventDefault();
    turn(0, 0, Math.exp(event.deltaY / 900));
  }, { passive: false });
  new ResizeObserver(() => {
    const sharp = Math.min(devicePixelRatio, 2);
    canvas.width = canvas.clientWidth * sharp || 1;
    canvas.height = canvas.clientHeight * sharp || 1;
    turn();
  }).observe(canvas);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) swing(turn, 24);
}

// Less than half a second, once: what moves can be turned.
const swing = (turn, left) => requestAnimationFrame(() => { turn(left / 600); if (left) swing(turn, left - 1); });

async function show(place) {
  const says = place.querySelector("[role=status]"), canvas = document.createElement("canvas");
  const fail = (why) => {
    canvas.remove();
    place.dataset.state = "failed";
    says.textContent = `This model ${why}. Download it to see it in a program of your own.`;
  };
  says.textContent = "Loading the model…";
  try {
    check(!(place.dataset.size > LARGEST), "is too large to turn here");
    const answer = await fetch(place.dataset.glb);
    check(answer.ok, `could not be loaded (${answer.status})`);
    const scene = open(await answer.arrayBuffer()), gl = canvas.getContext("webgl2");
    check(gl, "cannot be drawn: this browser has no WebGL2");
    const drawing = new Drawing(gl);
    await drawing.load(scene);
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.ariaLabel = `${place.dataset.name}. Arrow keys turn it, plus and minus zoom, 0 is as at first.`;
    canvas.addEventListener("webglcontextlost", () => fail("was lost by this browser; reload the page"));
    place.append(canvas);
    steer(canvas, drawing);
    says.textContent = "";
    place.dataset.state = "shown";
  } catch (error) {
    fail(error instanceof Refusal ? error.message : "is broken");
  }
}

// Loaded when it comes into view, so a page of many costs what is looked at.
const shown = new Set();
const watch = new IntersectionObserver((seen) => {
  for (const one of shown) if (!one.isConnected) shown.delete(one);
  for (const { isIntersecting, target } of seen) {
    if (!isIntersecting || shown.has(target) || shown.size >= MOST_SHOWN) continue;
    shown.add(target);
    show(target);
  }
});

// Called again once a part of the page is new.
export function mount(root = document) {
  for (const place of root.querySelectorAll("[data-glb]:not([data-state])")) {
    place.dataset.state = "waiting";
    watch.observe(place);
  }
}

mount();
document.addEventListener("runhook:changed", () => mount());
