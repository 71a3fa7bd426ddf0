import { defineConfig } from "vitest/config";

/** Against a running market: see tests/browser. One browser, one test at a time. */
export default defineConfig({
  test: {
    include: ["tests/browser/**/*.test.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
