// Write drawn avatars as PNG files: node avatars.mjs FOLDER FIRST_SEED COUNT [STYLE] [SIZE]
// STYLE is one of DiceBear's, e.g. bottts, or "mouths": the part around the mouth of the style avataaars, cut from a
// larger drawing. SIZE is 64 pixels if it is not given.
// It needs: npm install @dicebear/core@9 @dicebear/collection@9 @resvg/resvg-js@2
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as styles from "@dicebear/collection";
import { createAvatar } from "@dicebear/core";
import { Resvg } from "@resvg/resvg-js";

const [folder, first, count, style = "avataaars", size = "64"] = process.argv.slice(2);
const MOUTH = { left: 108, top: 128, right: 172, bottom: 192 }; // around the mouth, in a drawing of 280 x 280 pixels
const mouths = { fitTo: { mode: "width", value: 280 }, crop: MOUTH };
const options = style === "mouths" ? mouths : { fitTo: { mode: "width", value: Number(size) } };

if (style !== "mouths" && !styles[style]) throw new Error(`DiceBear has no style ${style}`);
mkdirSync(folder, { recursive: true });
for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  const svg = createAvatar(styles[style] ?? styles.avataaars, { seed: String(seed) }).toString();
  const png = new Resvg(svg, { ...options, background: "white" }).render().asPng();
  writeFileSync(join(folder, `${String(seed).padStart(6, "0")}.png`), png);
}
