// z from seeds, the same numbers as in latents.py: seed 7 on the page is seed 7 of --generate_test_images.

const MASK = (1n << 64n) - 1n;

// NumPy's Philox (Salmon et al. 2011, 4x64, 10 rounds) as a stream of 64-bit integers; the seed is the key.
function* philox(seed) {
  for (let counter = 1n; ; counter++) {
    let [a, b, c, d] = [counter, 0n, 0n, 0n];
    let [k0, k1] = [BigInt(seed), 0n];
    for (let round = 0; round < 10; round++) {
      const p = 0xd2e7470ee14c6c93n * a;
      const q = 0xca5a826395121157n * c;
      [a, b, c, d] = [(q >> 64n) ^ b ^ k0, q & MASK, (p >> 64n) ^ d ^ k1, p & MASK];
      k0 = (k0 + 0x9e3779b97f4a7c15n) & MASK;
      k1 = (k1 + 0xbb67ae8584caa73bn) & MASK;
    }
    yield* [a, b, c, d];
  }
}

// The 256 layers of NumPy's ziggurat for normal numbers (Marsaglia and Tsang 2000).
const R = 3.654152885361009;
const AREA = 0.00492867323399;
const density = (x) => Math.exp(-0.5 * x * x);
const edge = new Float64Array(257); // where layer i ends on the x axis; layer 0 is the base, with the tail
edge[0] = AREA / density(R);
edge[1] = 0;
edge[256] = R;
for (let i = 255, x = R; i > 1; i--) edge[i] = x = Math.sqrt(-2 * Math.log(AREA / x + density(x)));

function ziggurat(next, double) {
  for (;;) {
    const bits = next();
    const layer = Number(bits & 255n);
    const negative = (bits >> 8n) & 1n;
    const part = Number((bits >> 9n) & 0xfffffffffffffn) / 2 ** 52;
    const outer = layer ? edge[layer + 1] : edge[0];
    const inner = layer ? edge[layer] : R;
    const x = part * outer;
    if (x < inner) return negative ? -x : x;
    if (layer === 0) {
      for (;;) {
        const beyond = -Math.log1p(-double()) / R;
        const y = -Math.log1p(-double());
        // In the tail, NumPy uses a different bit for the sign.
        if (y + y > beyond * beyond) return (bits >> 17n) & 1n ? -(R + beyond) : R + beyond;
      }
    }
    const top = layer === 1 ? 1 : density(inner);
    if ((top - density(outer)) * double() + density(outer) < density(x)) return negative ? -x : x;
  }
}

/** Return z of a seed, with the distribution of the run: Float32Array [z_dim]. */
export function ofSeed(seed, { z_dim, z_dist, z_parameters: [a, b] }) {
  const stream = philox(seed);
  const next = () => stream.next().value;
  const double = () => Number(next() >> 11n) / 2 ** 53;
  const one = z_dist === "normal01" ? () => a + b * ziggurat(next, double) : () => a + (b - a) * double();
  return Float32Array.from({ length: z_dim }, one);
}

/** Return the lowest and the highest value that can be painted. */
export function limits({ z_dist, z_parameters: [a, b] }) {
  return z_dist === "normal01" ? [a - 3 * b, a + 3 * b] : [a, b];
}

/** Return a z near another: 0.4 of the way from it to the z of a seed. */
export function near(z, seed, model) {
  return between(z, ofSeed(seed, model), 0.4, model);
}

/** Interpolate from a to b, t in [0, 1]: on a line for uniform z, on an arc for normal z (latents.py, interpolate). */
export function between(a, b, t, { z_dist }) {
  const norm = (v) => Math.hypot(...v);
  const dot = a.reduce((sum, x, i) => sum + x * b[i], 0);
  const cosine = dot / (norm(a) * norm(b));
  const angle = z_dist === "normal01" && cosine === cosine ? Math.acos(Math.max(-1, Math.min(1, cosine))) : 0;
  const bent = angle > 1e-6 && angle < Math.PI - 1e-6;
  const from = bent ? Math.sin((1 - t) * angle) / Math.sin(angle) : 1 - t;
  const to = bent ? Math.sin(t * angle) / Math.sin(angle) : t;
  return a.map((x, i) => from * x + to * b[i]);
}

/** Return z as text for the address, without loss: base64url of its float32 values. */
export function encode(z) {
  const bytes = new Uint8Array(z.buffer, z.byteOffset, z.byteLength);
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Return the z in a text from `encode`, or null if the text is not a z of that size. */
export function decode(text, z_dim) {
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const z = new Float32Array(bytes.buffer);
    return z.length === z_dim && z.every(Number.isFinite) ? z : null;
  } catch {
    return null;
  }
}
