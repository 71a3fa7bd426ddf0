/** How the source of the page is cut. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../../src");
const FILES = readdirSync(ROOT, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith(".ts"));
const text = (file: string) => readFileSync(join(ROOT, file), "utf8");

/** The files that a file imports, types included. */
function imported(file: string): string[] {
  return [...text(file).matchAll(/\bfrom "(\.[^"]+)"/g)].map(([, path = ""]) =>
    relative(ROOT, join(ROOT, dirname(file), path)),
  );
}

/** Every circle that a walk along `next` meets, as "a -> b -> a". */
function circles(files: readonly string[], next: (file: string) => string[]): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]) => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(" -> "));
    } else if (!done.has(file)) {
      for (const other of next(file)) walk(other, [...path, file]);
      done.add(file);
    }
  };
  for (const file of files) walk(file, []);
  return found;
}

it("no files import each other in a circle", () => {
  expect(FILES.length).toBeGreaterThan(30);
  expect(FILES.flatMap(imported).filter((file) => !FILES.includes(file))).toEqual([]);
  expect(circles(FILES, imported)).toEqual([]);
});

it("a circle would be found", () => {
  const graph: Record<string, string[]> = { a: ["b"], b: ["c"], c: ["b"] };
  expect(circles(["a", "b", "c"], (file) => graph[file] ?? [])).toEqual(["b -> c -> b"]);
});

it("layers depend downwards: the wire and the words never on the state, the state never on views", () => {
  const above: Record<string, RegExp> = {
    api: /^(state|kinds|views)\//,
    kinds: /^(state|views)\//,
    state: /^(kinds|views)\//,
  };
  const upwards = FILES.flatMap((file) =>
    imported(file)
      .filter((other) => above[dirname(file)]?.test(other))
      .map((other) => `${file} -> ${other}`),
  );
  expect(upwards).toEqual([]);
});

it("every file says at its top what it is", () => {
  expect(FILES.filter((file) => !text(file).startsWith("/**"))).toEqual([]);
});
