import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/unit/**/*.test.ts"],
    // Tests of views ask for a document themselves: @vitest-environment happy-dom
    environment: "node",
    restoreMocks: true,
  },
});
