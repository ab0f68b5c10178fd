// Write drawn avatars as 64x64 PNG files: node avatars.mjs FOLDER FIRST_SEED COUNT [mouths]
// With "mouths", only the part around the mouth, cut from a larger drawing.
// It needs: npm install @dicebear/core@9 @dicebear/collection@9 @resvg/resvg-js@2
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { avataaars } from "@dicebear/collection";
import { createAvatar } from "@dicebear/core";
import { Resvg } from "@resvg/resvg-js";

const [folder, first, count, part] = process.argv.slice(2);
const MOUTH = { left: 108, top: 128, right: 172, bottom: 192 }; // around the mouth, in a drawing of 280 x 280 pixels
const options = part === "mouths" ? { fitTo: { mode: "width", value: 280 }, crop: MOUTH } : { fitTo: { mode: "width", value: 64 } };

mkdirSync(folder, { recursive: true });
for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  const svg = createAvatar(avataaars, { seed: String(seed) }).toString();
  const png = new Resvg(svg, { ...options, background: "white" }).render().asPng();
  writeFileSync(join(folder, `${String(seed).padStart(6, "0")}.png`), png);
}
