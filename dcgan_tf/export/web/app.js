// The page of one run: paint z and see its image. LiteRT.js runs the generator; all other code is in this folder.

import { between, decode, encode, limits, near, ofSeed } from "./latents.js";

const VARIATIONS = 16;
const CDN = "https://cdn.jsdelivr.net/npm/@litertjs";
const at = (id) => document.getElementById(id);

/** An error whose message is one sentence for the user. */
class Told extends Error {}

function tell(error) {
  at("main").hidden = true;
  at("message").hidden = false;
  at("message").setAttribute("role", "alert");
  at("message").textContent = error instanceof Told ? error.message : `The page failed: ${error?.message ?? error}.`;
}

// ---- the run ----

async function fetched(name) {
  const embedded = self.EMBEDDED?.[name]; // in page.html, which needs no server
  if (embedded) return new Response(Uint8Array.from(atob(embedded), (character) => character.charCodeAt(0)));
  const response = await fetch(name, { cache: "no-cache" }).catch((error) => ({ statusText: error.message }));
  if (response.ok) return response;
  const why = [response.status, response.statusText].filter(Boolean).join(" ");
  throw new Told(
    `${name} could not be loaded (${why}); reload the page, or write it again with --web and serve its whole folder.`,
  );
}

async function readRun() {
  const text = await (await fetched("model.json")).text();
  const broken = (why) => new Told(`model.json is damaged (${why}); write the page again with --web.`);
  let run;
  try {
    run = JSON.parse(text);
  } catch (error) {
    throw broken(error.message);
  }
  const whole = (n) => Number.isInteger(n) && n > 0;
  const numbers = (list, count) => Array.isArray(list) && list.length === count && list.every(Number.isFinite);
  if (!whole(run?.z_dim)) throw broken("z_dim is not an integer greater than 0");
  if (!numbers(run.z_parameters, 2)) throw broken("z_parameters are not two numbers");
  if (!numbers(run.shape, 3) || !run.shape.every(whole)) throw broken("shape is not height, width and channels");
  if (!Array.isArray(run.class_names)) throw broken("class_names is not a list");
  if (!whole(run.bytes)) throw broken("bytes is not an integer greater than 0");
  if (typeof run.litert !== "string") throw broken("litert is not a version");
  return run;
}

/** Load LiteRT.js from its CDN. */
async function loadLiteRt(version) {
  const core = `${CDN}/core@${version}`;
  try {
    const litert = await import(`${core}/dist/index.js`);
    // Emscripten calls this. Without it, LiteRT's notices are console errors; real errors are also exceptions.
    self.Module = { printErr: (line) => console.debug(line) };
    await litert.loadLiteRt(`${core}/wasm/`);
    return litert;
  } catch (error) {
    console.debug("No LiteRT.js:", error);
    throw new Told(
      `LiteRT.js ${version}, which runs the generator, could not be loaded from cdn.jsdelivr.net; check the network` +
        " connection and any content blocker, then reload the page.",
    );
  }
}

/**
 * Load the generator as a function picture(z, label) that returns pixels and milliseconds. It runs on wasm, or on
 * WebGPU if that is faster and returns the same image (on some devices WebGPU returns a wrong one). With
 * ?accelerator=wasm or ?accelerator=webgpu in the address, the speed does not matter.
 */
async function loadGenerator(run) {
  at("message").textContent =
    `Loading the generator (${(run.bytes / 1e6).toFixed(1)} MB) and LiteRT.js (about 10 MB), which runs it…`;
  const file = fetched("generator.tflite").then((response) => response.arrayBuffer());
  const [buffer, litert] = await Promise.all([file, loadLiteRt(run.litert)]);
  const bytes = new Uint8Array(buffer);
  const forced = new URLSearchParams(location.search).get("accelerator");
  let chosen;
  try {
    chosen = await tried(litert, bytes, run, "wasm");
  } catch (error) {
    throw new Told(
      `generator.tflite cannot be run, or does not fit model.json (${error?.message ?? error}); write the page again` +
        " with --web.",
    );
  }
  const gpu = await navigator.gpu?.requestAdapter().catch(() => null);
  if (gpu && forced !== "wasm") {
    try {
      const other = await tried(litert, bytes, run, "webgpu");
      const same = other.first.data.every((value, i) => Math.abs(value - chosen.first.data[i]) <= 8);
      if (same && (forced || other.milliseconds < chosen.milliseconds)) {
        chosen.model.delete();
        chosen = other;
      } else {
        other.model.delete();
      }
    } catch (error) {
      console.debug("No WebGPU:", error);
    }
  }
  const picture = (z, label) => runModel(litert, chosen.model, run, z, label);
  return { picture, about: `LiteRT.js ${run.litert} from cdn.jsdelivr.net, on ${chosen.name}` };
}

/** Load the generator on an accelerator. Returns it, the image of seed 0, and the time of its second run. */
async function tried(litert, bytes, run, accelerator) {
  const model = await litert.loadAndCompile(bytes, { accelerator, gpuOptions: { precision: "fp32" } });
  if (model.options.accelerator !== accelerator || (accelerator !== "wasm" && !model.isFullyAccelerated)) {
    throw new Error(`${accelerator} does not support the whole generator`);
  }
  const { pixels: first } = await runModel(litert, model, run, ofSeed(0, run), 0); // the first run also compiles
  const { milliseconds } = await runModel(litert, model, run, ofSeed(0, run), 0);
  return { model, first, milliseconds, name: { webgpu: "WebGPU", wasm: "wasm" }[accelerator] };
}

async function runModel(litert, model, { z_dim, shape, class_names }, z, label) {
  const inputs = { z: new litert.Tensor(z, [1, z_dim]) };
  if (class_names.length) {
    const y = new Float32Array(class_names.length);
    y[label] = 1;
    inputs.y = new litert.Tensor(y, [1, y.length]);
  }
  let outputs = {};
  try {
    const start = performance.now();
    outputs = await model.run(inputs);
    const values = await Object.values(outputs)[0].data();
    return { pixels: toPixels(values, shape), milliseconds: performance.now() - start };
  } finally {
    for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) tensor.delete();
  }
}

function toPixels(values, [height, width, channels]) {
  if (values.length !== height * width * channels) throw new Error(`an image has ${values.length} numbers`);
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      // This array rounds (ties to even) and clips its values, as to_uint8 in pixels.py does.
      image.data[4 * i + c] = 255 * values[i * channels + (c % channels)];
    }
    image.data[4 * i + 3] = 255;
  }
  return image;
}

// ---- the page ----

function start(run, generator) {
  const [low, high] = limits(run);
  const columns = Math.ceil(Math.sqrt(run.z_dim));
  const kept = { a: null, b: null };
  let { z, label, seed } = readAddress() ?? first();
  let firstVariation = 1; // the seed of the sheet's first variation
  let focused = 0;
  let playing = 0;
  let settling;
  const times = [];

  // Generate one image at a time. For the main image, draw only the newest z.
  let queue = Promise.resolve();
  const picture = (...args) => (queue = queue.catch(() => {}).then(() => generator.picture(...args)));
  let waiting = false;
  async function draw() {
    if (waiting) return;
    waiting = true;
    await queue.catch(() => {});
    const made = picture(z, label);
    waiting = false;
    const { pixels, milliseconds } = await made;
    at("picture").getContext("2d").putImageData(pixels, 0, 0);
    times.push(milliseconds);
    if (times.length > 20) times.shift();
    const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
    at("time").textContent = `${mean.toFixed(1)} ms per image`;
  }

  let sheet = 0;
  async function drawSheet() {
    const mine = ++sheet;
    for (const [i, button] of [...at("sheet").children].entries()) {
      const there = near(z, firstVariation + i, run);
      const { pixels } = await picture(there, label);
      if (mine !== sheet) return;
      button.z = there;
      button.firstChild.getContext("2d").putImageData(pixels, 0, 0);
    }
  }

  /** Update everything that shows z or the class; the sheet and the address 200 ms after the last change. */
  function changed() {
    cells.forEach((cell, i) => {
      const level = Math.round((255 * (Math.min(high, Math.max(low, z[i])) - low)) / (high - low));
      cell.style.background = `rgb(${level} ${level} ${level})`;
    });
    nameCell(focused);
    at("seed").value = seed ?? "";
    [...at("classes").children].forEach((button, i) => button.setAttribute("aria-pressed", i === label));
    const ofClass = run.class_names.length ? ` as class ${run.class_names[label]}` : "";
    at("picture").setAttribute("aria-label", `The generator's image of z${ofClass}`);
    draw().catch(tell);
    clearTimeout(settling);
    settling = setTimeout(() => {
      history.replaceState(null, "", address());
      drawSheet().catch(tell);
    }, 200);
  }

  function go(to, itsSeed = null) {
    [z, seed] = [to, itsSeed];
    changed();
  }

  // -- the address: #class=7&seed=3, or all values of z if it was painted

  function address() {
    const parts = new URLSearchParams();
    if (run.class_names.length) parts.set("class", run.class_names[label]);
    if (seed === null) parts.set("z", encode(z));
    else parts.set("seed", seed);
    return `#${parts}`;
  }

  function readAddress() {
    const parts = new URLSearchParams(location.hash.slice(1));
    const label = Math.max(0, run.class_names.indexOf(parts.get("class")));
    const given = decode(parts.get("z") ?? "", run.z_dim);
    if (given) return { z: given, label, seed: null };
    if (!parts.has("seed")) return { ...first(), label };
    const seed = readSeed(parts.get("seed"));
    return seed === null ? null : { z: ofSeed(seed, run), label, seed };
  }

  /** Return what the page opens on: z nearer to 0 than that of a seed, because such images are seldom bad. */
  function first() {
    return { z: ofSeed(0, run).map((x) => 0.6 * x), label: 0, seed: null };
  }

  function readSeed(text) {
    return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 ? Number(text) : null;
  }

  addEventListener("hashchange", () => {
    const read = readAddress();
    if (!read) return;
    ({ z, label, seed } = read);
    changed();
  });

  // -- the pad

  const pad = at("pad");
  pad.style.setProperty("--columns", columns);
  const cells = Array.from({ length: run.z_dim }, (_, i) => {
    if (i % columns === 0) pad.append(Object.assign(document.createElement("div"), { role: "row" }));
    const cell = Object.assign(document.createElement("div"), { role: "gridcell", tabIndex: i ? -1 : 0 });
    pad.lastChild.append(cell);
    return cell;
  });
  cells.forEach((_, i) => cells[i].addEventListener("focus", () => focus(i)));

  function nameCell(i) {
    cells[i].setAttribute("aria-label", `number ${i}: ${z[i].toFixed(2)}`);
  }

  function focus(i) {
    cells[focused].tabIndex = -1;
    cells[i].tabIndex = 0;
    focused = i;
    nameCell(i);
  }

  /** Move z towards the value of the brush: completely in the centre of the brush, less towards its edge. */
  function paint(i, width = Number(at("width").value)) {
    const painted = z.slice();
    for (let k = 0; k < z.length; k++) {
      const distance = Math.hypot((k % columns) - (i % columns), Math.floor(k / columns) - Math.floor(i / columns));
      const share = Math.max(0, 1 - distance / width);
      painted[k] += share * (Number(at("brush").value) - z[k]);
    }
    stop();
    go(painted);
  }

  let last = null; // the cell under the pressed pointer
  function touch(event) {
    const box = pad.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * Math.ceil(run.z_dim / columns));
    const i = row * columns + column;
    if (column < 0 || column >= columns || i < 0 || i >= run.z_dim || i === last) return;
    last = i;
    paint(i);
  }
  pad.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    pad.setPointerCapture(event.pointerId);
    last = null;
    touch(event);
  });
  pad.addEventListener("pointermove", (event) => {
    if (!pad.hasPointerCapture(event.pointerId)) return;
    for (const passed of event.getCoalescedEvents?.() ?? []) touch(passed);
    touch(event);
  });
  pad.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const step = { "+": 1, "=": 1, "-": -1 }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(move || step || event.key === " ")) return;
    event.preventDefault();
    if (move) return cells[focused + move]?.focus();
    if (!step) return paint(focused);
    const painted = z.slice();
    painted[focused] = Math.min(high, Math.max(low, z[focused] + (step * (high - low)) / 20));
    stop();
    go(painted);
  });

  // -- the rest

  for (const canvas of [at("picture"), ...document.querySelectorAll(".kept canvas")]) size(canvas);
  function size(canvas) {
    [canvas.height, canvas.width] = run.shape;
    return canvas;
  }

  Object.assign(at("brush"), { min: low, max: high, step: (high - low) / 40, value: high });
  const showBrush = () => (at("brush-shown").value = Number(at("brush").value).toFixed(2));
  at("brush").addEventListener("input", showBrush);
  showBrush();

  const press = (id, act) => at(id).addEventListener("click", act);
  function goToSeed(seed) {
    stop();
    go(ofSeed(seed, run), seed);
  }
  press("new", () => goToSeed(Math.floor(Math.random() * 1e6)));
  press("zeros", () => (stop(), go(new Float32Array(run.z_dim))));
  at("seed").addEventListener("input", () => {
    const given = readSeed(at("seed").value);
    if (given !== null) goToSeed(given);
  });

  run.class_names.forEach((name, i) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: name });
    button.addEventListener("click", () => ((label = i), changed()));
    at("classes").append(button);
  });
  at("classes").hidden = !run.class_names.length;

  for (let i = 0; i < VARIATIONS; i++) {
    const button = Object.assign(document.createElement("button"), { type: "button", ariaLabel: `Variation ${i + 1}` });
    button.append(size(document.createElement("canvas")));
    button.addEventListener("click", () => {
      if (!button.z) return;
      stop();
      firstVariation += VARIATIONS;
      go(button.z);
    });
    at("sheet").append(button);
  }
  press("others", () => {
    firstVariation += VARIATIONS;
    drawSheet().catch(tell);
  });

  for (const which of ["a", "b"]) {
    press(`keep-${which}`, () => {
      kept[which] = z;
      at("walk").disabled = at("play").disabled = !(kept.a && kept.b);
      at(`keep-${which}`).firstChild.getContext("2d").drawImage(at("picture"), 0, 0);
    });
  }
  const walkTo = (t) => go(between(kept.a, kept.b, t, run));
  at("walk").addEventListener("input", () => (stop(), walkTo(Number(at("walk").value))));
  press("play", () => {
    if (playing) return stop();
    const began = performance.now();
    at("play").textContent = "Stop";
    const frame = (now) => {
      const phase = (Math.max(0, now - began) / 3000) % 2; // three seconds from A to B, and three back
      at("walk").value = phase < 1 ? phase : 2 - phase;
      walkTo(Number(at("walk").value));
      playing = requestAnimationFrame(frame);
    };
    playing = requestAnimationFrame(frame);
  });
  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
    at("play").textContent = "Play";
  }

  press("save", () => {
    const name = [run.run, run.class_names[label] && `class${run.class_names[label]}`, seed !== null && `seed${seed}`];
    at("picture").toBlob((blob) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${name.filter(Boolean).join("-")}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }, "image/png");
  });
  press("copy", async () => {
    history.replaceState(null, "", address());
    // Browsers let only pages from https and localhost write to the clipboard.
    const done = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
    at("copied").textContent = done ? "Copied." : "Copy it from the address bar.";
    setTimeout(() => (at("copied").textContent = ""), 3000);
  });

  changed();
}

function describe(run) {
  const [a, b] = run.z_parameters;
  const spread = run.z_dist === "normal01" ? "normal" : `uniform from ${a} to ${b}`;
  const [height, width, channels] = run.shape;
  const after = run.iteration === null ? "" : `after ${run.iteration.toLocaleString("en")} iterations · `;
  return `${run.run} · ${after}z: ${run.z_dim} numbers, ${spread} · image: ${width} × ${height}, ${channels === 1 ? "gray" : "colour"}`;
}

addEventListener("error", (event) => tell(event.error ?? event.message));
addEventListener("unhandledrejection", (event) => tell(event.reason));
try {
  const run = await readRun();
  at("run").textContent = document.title = `Paint z: ${run.dataset} by a DCGAN`;
  at("about").textContent = describe(run);
  const generator = await loadGenerator(run);
  at("message").hidden = true;
  at("main").hidden = false;
  const data = run.data ? ` Trained on ${run.data}.` : "";
  at("runtime").textContent = `${generator.about}${run.float16 ? ", weights in float16" : ""}.${data}`;
  start(run, generator);
} catch (error) {
  tell(error);
}
