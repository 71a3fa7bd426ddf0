/**
 * From JSON of a stranger to types of ours: every answer is checked once, here. What does not
 * fit is refused with the place where it does not ("peers[3].stake: …"), never half believed.
 */

/** An answer that is not what the API promises. */
export class ShapeError extends Error {
  /** `path`: where it is not, such as "peers[3].stake"; empty for the answer itself. */
  constructor(
    readonly path: string,
    readonly expected: string,
  ) {
    super(`${path === "" ? "the answer" : path} is not ${expected}`);
    this.name = "ShapeError";
  }
}

export type Decoder<T> = (value: unknown, path: string) => T;

export const text: Decoder<string> = (value, path) => {
  if (typeof value !== "string") throw new ShapeError(path, "a text");
  return value;
};

export const truth: Decoder<boolean> = (value, path) => {
  if (typeof value !== "boolean") throw new ShapeError(path, "true or false");
  return value;
};

export const number: Decoder<number> = (value, path) => {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new ShapeError(path, "a finite number");
  }
  return value;
};

export const count: Decoder<number> = (value, path) => {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new ShapeError(path, "a whole number from 0");
  }
  return value;
};

/** Grains: a decimal string of a u64. */
export const amount: Decoder<bigint> = (value, path) => {
  if (typeof value !== "string" || !/^[0-9]{1,20}$/.test(value)) {
    throw new ShapeError(path, "an amount of grains as a decimal text");
  }
  return BigInt(value);
};

export function optional<T>(decoder: Decoder<T>): Decoder<T | undefined> {
  return (value, path) =>
    value === undefined || value === null ? undefined : decoder(value, path);
}

export function array<T>(decoder: Decoder<T>): Decoder<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new ShapeError(path, "a list");
    return value.map((item, index) => decoder(item, `${path}[${index}]`));
  };
}

export function tuple<T extends unknown[]>(
  ...decoders: { [K in keyof T]: Decoder<T[K]> }
): Decoder<T> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length !== decoders.length) {
      throw new ShapeError(path, `a list of ${decoders.length}`);
    }
    return decoders.map((decoder, index) => decoder(value[index], `${path}[${index}]`)) as T;
  };
}

export type Fields = { readonly [name: string]: unknown };

/** Any object, its fields unread. */
export const fields: Decoder<Fields> = (value, path) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ShapeError(path, "an object");
  }
  return value as Fields;
};

/** The place of a field in what stands at `path`. */
export const inside = (path: string, field: string) => (path === "" ? field : `${path}.${field}`);

/** The named fields of an object; others are ignored, so that the API can grow. */
export function object<T>(shape: { [K in keyof T]: Decoder<T[K]> }): Decoder<T> {
  const names = Object.keys(shape) as (keyof T & string)[];
  return (value, path) => {
    const source = fields(value, path);
    const result: Partial<T> = {};
    for (const name of names) {
      const own = Object.hasOwn(source, name) ? source[name] : undefined;
      result[name] = shape[name](own, inside(path, name));
    }
    return result as T;
  };
}

export type Decoded<D> = D extends Decoder<infer T> ? T : never;
