// Does in a real Chromium, with playwright-core, what the test asks for on stdin, and prints what it saw as JSON.
// stdin: {playwright, chromium, profile, litert, pages: [{url, size, cdn, steps: [[action, ...arguments]]}]}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const asked = JSON.parse(readFileSync(0, "utf8"));
const { chromium } = await import(pathToFileURL(join(asked.playwright, "index.mjs")));
const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const browser = await chromium.launchPersistentContext(asked.profile, {
  executablePath: asked.chromium,
  headless: true,
  args: [...quiet, "--disable-component-update", "--disable-sync"],
});

// What stands on a canvas: [height][width][r, g, b] as one flat list.
const pixelsOf = (canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return [...data].filter((_, i) => i % 4 < 3);
};

async function visit({ url, size = [1200, 900], cdn = "none", steps }) {
  const page = await browser.newPage();
  await page.setViewportSize({ width: size[0], height: size[1] });
  const seen = { console: [], requests: [], message: "", results: [] };
  page.on("console", (message) => message.type() === "error" && seen.console.push(`${message.text()} (${message.location().url})`));
  page.on("pageerror", (error) => seen.console.push(String(error)));
  page.on("request", (request) => seen.requests.push(request.url()));
  // The CDN's place is taken by what npm installed, or by nothing: no test leaves the machine.
  await page.route(/^https:/, (route) => {
    const [, name, path] = route.request().url().match(/npm\/@litertjs\/([\w-]+)@[\d.]+\/(.*)$/) ?? [];
    if (cdn === "none" || !name) return route.abort();
    return route.fulfill({ path: join(asked.litert, name, path), headers: { "access-control-allow-origin": "*" } });
  });
  await page.goto(url);
  await page.waitForFunction(() => !document.getElementById("main").hidden || document.querySelector("[role=alert]"));
  const rested = () => page.waitForTimeout(400); // the page draws its variations and writes its address after 200 ms
  const actions = {
    address: async (hash) => page.evaluate((to) => (location.hash = to), hash).then(rested),
    click: (selector) => page.locator(selector).click().then(rested),
    drag: async (selector, from, to) => {
      await page.locator(selector).scrollIntoViewIfNeeded();
      const box = await page.locator(selector).boundingBox();
      const place = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
      await page.mouse.move(...place(from));
      await page.mouse.down();
      await page.mouse.move(...place(to), { steps: 12 });
      await page.mouse.up();
      await rested();
    },
    keys: async (...keys) => {
      for (const key of keys) await page.keyboard.press(key);
      await rested();
    },
    focus: (selector) => page.locator(selector).focus(),
    fill: (selector, text) => page.locator(selector).fill(text).then(rested),
    pixels: (selector) => page.locator(selector).evaluate(pixelsOf),
    text: (selector) => page.locator(selector).innerText(),
    attribute: (selector, name) => page.locator(selector).getAttribute(name),
    hash: () => page.evaluate(() => location.hash),
    slide: (selector, value) =>
      page.locator(selector).evaluate((input, to) => {
        input.value = to;
        input.dispatchEvent(new Event("input"));
      }, value).then(rested),
    wide: () => page.evaluate(() => document.documentElement.scrollWidth),
    download: async (selector, path) => {
      const [download] = await Promise.all([page.waitForEvent("download"), page.locator(selector).click()]);
      await download.saveAs(path);
      return download.suggestedFilename();
    },
    seeds: async (count, pause) => {
      for (let i = 0; i < count; i++) await page.locator("#seed").fill(String(i)).then(() => page.waitForTimeout(pause));
    },
    screenshot: (path) => page.screenshot({ path, fullPage: true }).then(() => path),
  };
  seen.message = await page.locator("#message").innerText();
  await rested();
  for (const [action, ...args] of steps) seen.results.push((await actions[action](...args)) ?? null);
  await page.close();
  return seen;
}

const seen = [];
for (const page of asked.pages) seen.push(await visit(page));
await browser.close();
console.log(JSON.stringify(seen));
