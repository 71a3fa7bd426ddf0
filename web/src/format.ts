/**
 * How numbers, amounts, times and names from the network are shown.
 *
 * Amounts are grains (1 MST = 10^9 grains) and stay `bigint` until they are text:
 * a JavaScript number loses grains above 2^53.
 */

export const GRAINS_PER_MST = 1_000_000_000n;

const integers = new Intl.NumberFormat("en-GB", { useGrouping: true });

/** 12345678900n -> "12.3456789". Every grain is kept. */
export function mstExact(grains: bigint): string {
  const sign = grains < 0n ? "−" : "";
  const absolute = grains < 0n ? -grains : grains;
  const whole = integers.format(absolute / GRAINS_PER_MST);
  const rest = (absolute % GRAINS_PER_MST).toString().padStart(9, "0").replace(/0+$/, "");
  return rest === "" ? `${sign}${whole}` : `${sign}${whole}.${rest}`;
}

/**
 * The same to `digits` decimals, rounded half away from zero, for tables and tiles.
 * An amount that is not zero never reads as zero.
 */
export function mst(grains: bigint, digits = 2): string {
  const sign = grains < 0n ? "−" : "";
  const absolute = grains < 0n ? -grains : grains;
  const unit = 10n ** BigInt(9 - digits);
  const rounded = (absolute + unit / 2n) / unit;
  if (rounded === 0n && absolute !== 0n) {
    return `${sign}<${digits === 0 ? "1" : `0.${"0".repeat(digits - 1)}1`}`;
  }
  const scale = 10n ** BigInt(digits);
  const whole = integers.format(rounded / scale);
  const rest = (rounded % scale).toString().padStart(digits, "0");
  return digits === 0 ? `${sign}${whole}` : `${sign}${whole}.${rest}`;
}

/** Only for drawing and for shares: loses grains, never shown as an amount. */
export function mstNumber(grains: bigint): number {
  return Number(grains) / Number(GRAINS_PER_MST);
}

/** (after - before) / before in per cent with a sign; "new" where there was nothing before. */
export function change(before: bigint, after: bigint): string {
  if (before === 0n) return after === 0n ? "±0\u00a0%" : "new";
  // Hundredths of a per cent, in integers: no grain is lost on the way.
  const hundredths = ((after - before) * 10_000n) / before;
  if (hundredths === 0n) return "±0\u00a0%";
  const sign = hundredths < 0n ? "−" : "+";
  const absolute = hundredths < 0n ? -hundredths : hundredths;
  if (absolute >= 100_000n) return `${sign}${integers.format(absolute / 100n)}\u00a0%`;
  return `${sign}${absolute / 100n}.${(absolute % 100n).toString().padStart(2, "0")}\u00a0%`;
}

export function integer(value: number): string {
  return integers.format(value);
}

/** A score or a loss; "–" where there is none. */
export function decimal(value: number | undefined, digits = 3): string {
  if (value === undefined || !Number.isFinite(value)) return "–";
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

export function percent(share: number | undefined, digits = 1): string {
  return share === undefined || !Number.isFinite(share)
    ? "–"
    : `${decimal(share * 100, digits)}\u00a0%`;
}

/** "abcdef…4567": enough of a hash or an address to recognise it by. */
export function shorten(text: string, head = 6, tail = 4): string {
  if (text.length <= head + tail + 1) return text;
  return `${text.slice(0, head)}…${tail === 0 ? "" : text.slice(-tail)}`;
}

export function timeOfDay(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? "–" : date.toLocaleTimeString("en-GB");
}

export function dateAndTime(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime())
    ? "–"
    : `${date.toLocaleDateString("en-GB")} ${date.toLocaleTimeString("en-GB")}`;
}

/** 65 -> "1 min 5 s". */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? decimal(seconds, 1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// Control characters and those that reorder or hide what stands around them: a name must not
// be able to write outside its own place.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/gu;
// More than two combining marks in a row are there to smear over the neighbours.
const SMEARED = /(\p{M}{2})\p{M}+/gu;

/** A string chosen by a stranger, made fit to stand in a line: one line, bounded, printable. */
export function label(text: string, longest = 32): string {
  const clean = text
    .replace(/\s/gu, " ")
    .replace(UNPRINTABLE, "")
    .replace(/ +/g, " ")
    .replace(SMEARED, "$1")
    .trim();
  const letters = Array.from(clean);
  return letters.length <= longest ? clean : `${letters.slice(0, longest - 1).join("")}…`;
}

/** "Displaced" / "weights_set" / "WeightsSet" -> "weights set". */
export function words(identifier: string): string {
  return label(
    identifier
      .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
      .replace(/[_-]+/g, " ")
      .toLowerCase(),
    40,
  );
}
