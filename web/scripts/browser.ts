/** The system's Chromium, driven by Playwright: for the browser tests and the screenshots. */

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** `CHROMIUM` if set, else the first known name on the PATH. */
export function findChromium(): string {
  const chosen = process.env.CHROMIUM;
  if (chosen !== undefined && chosen !== "") {
    if (!executable(chosen)) throw new Error(`CHROMIUM=${chosen} cannot be executed`);
    return chosen;
  }
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of NAMES) {
      const path = join(folder, name);
      if (executable(path)) return path;
    }
  }
  throw new Error(
    `no Chromium on the PATH (${NAMES.join(", ")}): install it, for example with "apt-get install chromium", or set CHROMIUM to its path`,
  );
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium(),
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** `MUSTER_URL`, or a sentence that says to set it. */
export function marketUrl(): string {
  const url = process.env.MUSTER_URL;
  if (url === undefined || url === "") {
    throw new Error("set MUSTER_URL to a node of a running market, such as http://127.0.0.1:7700");
  }
  return url.endsWith("/") ? url : `${url}/`;
}
