import { describe, expect, it } from "vitest";
import * as format from "../../src/format.ts";

describe("amounts", () => {
  it.each([
    [0n, "0", "0.00"],
    [1n, "0.000000001", "<0.01"],
    [12_500_000_000n, "12.5", "12.50"],
    [999_999_999n, "0.999999999", "1.00"],
    [4_999_999n, "0.004999999", "<0.01"],
    [5_000_000n, "0.005", "0.01"],
    [-1_500_000_000n, "−1.5", "−1.50"],
    [1_234_567_000_000_001n, "1,234,567.000000001", "1,234,567.00"],
    // Neither of these two fits a JavaScript number.
    [9_007_199_254_740_993n, "9,007,199.254740993", "9,007,199.25"],
    [18_446_744_073_709_551_615n, "18,446,744,073.709551615", "18,446,744,073.71"],
  ])("%s grains", (grains, exact, rounded) => {
    expect(format.mstExact(grains)).toBe(exact);
    expect(format.mst(grains)).toBe(rounded);
  });

  it("rounds to other numbers of digits", () => {
    expect(format.mst(1_500_000_000n, 0)).toBe("2");
    expect(format.mst(1n, 9)).toBe("0.000000001");
    expect(format.mst(1n, 0)).toBe("<1");
  });

  it.each([
    [100n, 100n, "±0\u00a0%"],
    [0n, 0n, "±0\u00a0%"],
    [0n, 5n, "new"],
    [200n, 201n, "+0.50\u00a0%"],
    [200n, 150n, "−25.00\u00a0%"],
    [1n, 2_001n, "+200,000\u00a0%"],
    [18_446_744_073_709_551_615n, 0n, "−100.00\u00a0%"],
  ])("change from %s to %s", (before, after, text) => {
    expect(format.change(before, after)).toBe(text);
  });
});

describe("numbers", () => {
  it("shows what is missing or not finite as a dash", () => {
    expect(format.decimal(undefined)).toBe("–");
    expect(format.decimal(Number.NaN)).toBe("–");
    expect(format.percent(Number.POSITIVE_INFINITY)).toBe("–");
    expect(format.timeOfDay(Number.MAX_SAFE_INTEGER)).toBe("–");
  });

  it("has no negative zero", () => {
    expect(format.decimal(-0.0001)).toBe("0.000");
    expect(format.decimal(-1.25, 2)).toBe("−1.25");
  });

  it("says durations", () => {
    expect(format.duration(4.25)).toMatch(/^4\.[23] s$/);
    expect(format.duration(59)).toBe("59 s");
    expect(format.duration(65)).toBe("1 min 5 s");
    expect(format.duration(7_260)).toBe("2 h 1 min");
  });
});

describe("texts of strangers", () => {
  it("are one bounded line without characters that move others", () => {
    expect(format.label("a\u202Eb\u0000c\nd\u200Be")).toBe("abc de");
    expect(format.label("x".repeat(5_000))).toHaveLength(32);
    expect(format.label("👩".repeat(40), 10)).toBe(`${"👩".repeat(9)}…`);
    expect(format.label(`a${"\u0301".repeat(50)}b`)).toBe("a\u0301\u0301b");
  });

  it("are shortened at both ends, or at one", () => {
    expect(format.shorten("0123456789abcdef")).toBe("012345…cdef");
    expect(format.shorten("0123456789abcdef", 6, 0)).toBe("012345…");
    expect(format.shorten("short")).toBe("short");
  });

  it("identifiers become words", () => {
    expect(format.words("epoch_closed")).toBe("epoch closed");
    expect(format.words("WeightsSet")).toBe("weights set");
  });
});
