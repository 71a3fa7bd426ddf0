import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { COLOURS, DASHES, dash } from "../../src/palette.ts";

type Vector = [number, number, number];

const channel = (value: number) =>
  value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;

function linear(hex: string): Vector {
  return [1, 3, 5].map((at) => channel(Number.parseInt(hex.slice(at, at + 2), 16) / 255)) as Vector;
}

/** WCAG 2.2 contrast ratio. */
function contrast(a: string, b: string): number {
  const luminance = ([r, g, blue]: Vector) => 0.2126 * r + 0.7152 * g + 0.0722 * blue;
  const [x, y] = [luminance(linear(a)) + 0.05, luminance(linear(b)) + 0.05];
  return Math.max(x, y) / Math.min(x, y);
}

/** Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB. */
const VISION: Record<string, [Vector, Vector, Vector]> = {
  typical: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};

function seen(hex: string, vision: string): Vector {
  const colour = linear(hex);
  const matrix = VISION[vision] ?? [];
  return matrix.map((row) => {
    const value = row[0] * colour[0] + row[1] * colour[1] + row[2] * colour[2];
    return Math.min(1, Math.max(0, value));
  }) as Vector;
}

/** OKLab (Ottosson 2020), whose distances follow perceived differences. */
function oklab([r, g, b]: Vector): Vector {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function distance(a: string, b: string, vision: string): number {
  const [x, y] = [oklab(seen(a, vision)), oklab(seen(b, vision))];
  return Math.hypot(x[0] - y[0], x[1] - y[1], x[2] - y[2]);
}

const BACKGROUND = { light: "#ffffff", dark: "#161b22" };

describe.each(["light", "dark"] as const)("the %s colours", (theme) => {
  it("stand out from the background", () => {
    for (const colour of COLOURS[theme]) {
      expect(contrast(colour, BACKGROUND[theme]), colour).toBeGreaterThanOrEqual(3);
    }
  });

  it.each(Object.keys(VISION))("differ from each other under %s vision", (vision) => {
    for (const [index, a] of COLOURS[theme].entries()) {
      for (const b of COLOURS[theme].slice(0, index)) {
        expect(distance(a, b, vision), `${a} and ${b}`).toBeGreaterThan(0.1);
      }
    }
  });
});

it("is the same in the style sheet", () => {
  const sheet = readFileSync(join(import.meta.dirname, "../../src/styles/colours.css"), "utf8");
  for (const [index, light] of COLOURS.light.entries()) {
    const rule = new RegExp(
      `\\.peer-colour-${index} \\{\\s*--peer: light-dark\\(${light}, ${COLOURS.dark[index]}\\);`,
    );
    expect(sheet).toMatch(rule);
  }
});

it("tells 32 peers apart by colour and dash", () => {
  const styles = new Set(Array.from({ length: 32 }, (_, peer) => `${peer % 8} ${dash(peer)}`));
  expect(styles.size).toBe(8 * DASHES.length);
});
