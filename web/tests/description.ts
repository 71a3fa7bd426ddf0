/**
 * The description of the API that the node makes of itself (`docs/openapi.json`), read as far as
 * the tests need it: what is described where, and examples of everything that fits.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** JSON Schema as far as the node uses it. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  pattern?: string;
  example?: unknown;
  minimum?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema | false;
  prefixItems?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
}

/** One of the ways in which a value may look; `name` is that of the schema it stands in. */
export interface Form extends Schema {
  type: string;
  name: string;
}

interface Operation {
  parameters?: { name: string; in: string }[];
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}

interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

const FILE = join(import.meta.dirname, "../../docs/openapi.json");
const description = JSON.parse(readFileSync(FILE, "utf8")) as Description;

/** The schema of this name. */
export const schemaNamed = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** What a GET of this address answers, `v1/blocks/7?limit=2` and the like. */
export function answerTo(address: string): Schema {
  const [path = "", query] = address.split("?");
  const template = Object.keys(description.paths).find((each) =>
    new RegExp(`^${each.replace(/\{\w+\}/g, "[^/]+")}$`).test(`/${path}`),
  );
  const operation = template === undefined ? undefined : description.paths[template]?.get;
  if (operation === undefined) throw new Error(`the description has no GET /${path}`);
  for (const name of new URLSearchParams(query).keys()) {
    const known = operation.parameters?.some((each) => each.in === "query" && each.name === name);
    if (known !== true) throw new Error(`GET ${template} is not described as taking "${name}"`);
  }
  const [content] = Object.values(operation.responses["200"]?.content ?? {});
  if (content === undefined) throw new Error(`GET ${template} has no described answer`);
  return content.schema;
}

function both(left: Form, right: Form): Form {
  return {
    ...left,
    ...right,
    name: right.properties === undefined ? left.name : right.name,
    properties: { ...left.properties, ...right.properties },
    required: [...(left.required ?? []), ...(right.required ?? [])],
  };
}

/** All forms of a schema: its alternatives one by one, references followed, parts put together. */
export function formsOf(
  schema: Schema | Form,
  name = "name" in schema ? schema.name : "the answer",
): Form[] {
  if (schema.$ref !== undefined) {
    const target = schema.$ref.replace("#/components/schemas/", "");
    const found = description.components.schemas[target];
    if (found === undefined) throw new Error(`the description has no schema ${target}`);
    return formsOf(found, target);
  }
  const alternatives = schema.oneOf ?? schema.anyOf;
  if (alternatives !== undefined) return alternatives.flatMap((each) => formsOf(each, name));
  if (schema.allOf !== undefined) {
    return schema.allOf
      .map((each) => formsOf(each, name))
      .reduce((all, forms) => all.flatMap((left) => forms.map((right) => both(left, right))));
  }
  return [schema.type ?? []].flat().map((type) => ({ ...schema, type, name }));
}

/** The forms of one field, in whichever form of the object has it. */
export function fieldForms(forms: readonly Form[], field: string): Form[] {
  return forms.flatMap(({ properties, name }) => {
    const schema = properties?.[field];
    return schema === undefined ? [] : formsOf(schema, `${name}.${field}`);
  });
}

/** `whole`: with everything that may be absent; `turn`: examples of another turn differ. */
export interface Wanted {
  whole: boolean;
  turn: 0 | 1;
}

const DIGITS = ["a", "b"] as const;

function textExample({ pattern, example, name }: Form, turn: 0 | 1): string {
  const hexadecimal = pattern?.match(/^\^\[0-9a-f\]\{(\d+)\}\$$/);
  if (hexadecimal) return DIGITS[turn].repeat(Number(hexadecimal[1]));
  if (pattern === "^[0-9]{1,20}$") return ["12500000000", "7000000001"][turn] as string;
  if (pattern === "^([0-9a-f]{2})*$") return DIGITS[turn].repeat(8);
  if (pattern !== undefined) throw new Error(`${name}: no example is known of ${pattern}`);
  if (typeof example === "string") return `${example.slice(0, -1)}${turn}`;
  return `text ${turn}`;
}

function formExamples(form: Form, wanted: Wanted): unknown[] {
  const { turn, whole } = wanted;
  if (form.const !== undefined) return [form.const];
  if (form.enum !== undefined) return turn === 0 ? form.enum : [...form.enum].reverse();
  switch (form.type) {
    case "null":
      return whole ? [] : [null];
    case "boolean":
      return [turn === 0];
    case "integer":
      return [form.minimum === undefined ? -7 - turn : form.minimum + 7 + turn];
    case "number":
      return [0.25 + turn / 2];
    case "string":
      return [textExample(form, turn)];
    case "array":
      if (form.prefixItems !== undefined)
        return [form.prefixItems.map((each) => examplesOf(each, wanted)[0])];
      return [form.items ? examplesOf(form.items, wanted) : []];
    case "object":
      return objectExamples(form, wanted);
    default:
      throw new Error(`${form.name}: no example is known of the type ${form.type}`);
  }
}

/** As many objects as it takes for every field to have had each of its examples. */
function objectExamples({ properties = {}, required = [] }: Form, wanted: Wanted): unknown[] {
  const fields = Object.entries(properties)
    .filter(([field]) => wanted.whole || required.includes(field))
    .map(([field, schema]) => [field, examplesOf(schema, wanted)] as const);
  const count = Math.max(1, ...fields.map(([, examples]) => examples.length));
  return Array.from({ length: count }, (_, index) =>
    Object.fromEntries(
      fields.map(([field, examples]) => [field, examples[index % examples.length]]),
    ),
  );
}

/** Examples of a schema: every form of it, and of what it holds, is among them. */
export function examplesOf(schema: Schema, wanted: Wanted): unknown[] {
  return formsOf(schema).flatMap((form) => formExamples(form, wanted));
}

/** Where a value does not fit its schema, in words; undefined where it does. */
export function misfit(value: unknown, schema: Schema, path = ""): string | undefined {
  const forms = formsOf(schema);
  const ofKind = forms.filter(
    (form) => kindOf(form) === (value as { kind?: unknown } | null)?.kind,
  );
  const complaints = (ofKind.length > 0 ? ofKind : forms).map((form) =>
    formMisfit(value, form, path),
  );
  return complaints.includes(undefined) ? undefined : complaints.at(-1);
}

/** The `kind` of an action or event; undefined for other forms. */
export function kindOf(form: Form): string | undefined {
  const kind = form.properties?.kind;
  const [only] = kind?.const === undefined ? (kind?.enum ?? []) : [kind.const];
  return typeof only === "string" ? only : undefined;
}

const IS_OF_TYPE: Record<string, (value: unknown) => boolean> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === "boolean",
  integer: (value) => Number.isSafeInteger(value),
  number: (value) => typeof value === "number",
  string: (value) => typeof value === "string",
  array: (value) => Array.isArray(value),
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
};

function formMisfit(value: unknown, form: Form, path: string): string | undefined {
  const says = (what: string) => `${path || "the answer"} is not ${what} (${form.name})`;
  if (IS_OF_TYPE[form.type]?.(value) !== true) return says(`of the type ${form.type}`);
  if (form.enum !== undefined && !form.enum.includes(value)) return says(form.enum.join(" or "));
  if (form.minimum !== undefined && Number(value) < form.minimum)
    return says(`at least ${form.minimum}`);
  if (form.pattern !== undefined && !new RegExp(form.pattern).test(String(value)))
    return says(`like ${form.pattern}`);
  if (Array.isArray(value)) {
    const { prefixItems, items } = form;
    if (prefixItems !== undefined && prefixItems.length !== value.length)
      return says(`${prefixItems.length} long`);
    return firstMisfit(
      value.map((item, index) => [item, prefixItems?.[index] ?? items, `${path}[${index}]`]),
    );
  }
  if (form.type !== "object") return undefined;
  const object = value as Record<string, unknown>;
  const missing = form.required?.find((field) => object[field] === undefined);
  if (missing !== undefined) return `${path || "the answer"} has no ${missing} (${form.name})`;
  const unknown = Object.keys(object).find((field) => form.properties?.[field] === undefined);
  if (unknown !== undefined)
    return `${path || "the answer"} has a field ${unknown} that ${form.name} has not`;
  return firstMisfit(
    Object.entries(object).map(([field, item]) => [
      item,
      form.properties?.[field],
      `${path}.${field}`,
    ]),
  );
}

function firstMisfit(parts: [unknown, Schema | false | undefined, string][]): string | undefined {
  for (const [value, schema, path] of parts) {
    const found = schema ? misfit(value, schema, path) : `${path} is not described`;
    if (found !== undefined) return found;
  }
  return undefined;
}
