/**
 * Pictures of a running market's page: light, dark and phone, for the README.
 *
 *     MUSTER_URL=http://127.0.0.1:7700 npm run screenshot -- [FOLDER]
 *
 * FOLDER is `../docs` unless given.
 */

import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { launchBrowser, marketUrl } from "./browser.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = resolve(process.argv[2] ?? join(here, "..", "..", "docs"));
const SHOTS = [
  { name: "light", colorScheme: "light", width: 1280, height: 900 },
  { name: "dark", colorScheme: "dark", width: 1280, height: 900 },
  { name: "phone", colorScheme: "light", width: 390, height: 844 },
] as const;

mkdirSync(folder, { recursive: true });
const browser = await launchBrowser();
try {
  for (const { name, colorScheme, width, height } of SHOTS) {
    const page = await browser.newPage({
      viewport: { width, height },
      colorScheme,
      reducedMotion: "reduce",
      deviceScaleFactor: name === "phone" ? 2 : 1,
    });
    await page.goto(marketUrl());
    await page.waitForSelector(".block");
    await page.waitForSelector(".peers tbody tr");
    // The losses are drawn from what the page saw itself: give it a few answers.
    await page.waitForTimeout(Number(process.env.WAIT_MS ?? 15_000));
    const path = join(folder, `screenshot-${name}.png`);
    await page.screenshot({ path, fullPage: name !== "phone" });
    console.error(`wrote ${path}`);
    await page.close();
  }
} finally {
  await browser.close();
}
