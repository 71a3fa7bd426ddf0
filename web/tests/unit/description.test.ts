/**
 * The page against what the node says of its own API: a field or a kind that one of them renames
 * fails here, in words. The node's tests see to it that the description is the node's.
 */

import { describe, expect, it } from "vitest";
import * as decode from "../../src/api/decode.ts";
import { type Decoder, type Fields, ShapeError } from "../../src/api/decode.ts";
import { type Question, questions } from "../../src/api/questions.ts";
import * as types from "../../src/api/types.ts";
import { actionText, eventText, MECHANISMS } from "../../src/kinds/describe.ts";
import type { Kinds } from "../../src/kinds/kind.ts";
import {
  answerTo,
  examplesOf,
  type Form,
  fieldForms,
  formsOf,
  kindOf,
  misfit,
  type Schema,
  schemaNamed,
} from "../description.ts";
import { FixtureMarket } from "../fixture-market.ts";

/** The path of an error, "peers[3].stake", as fields: indices are left out. */
const fieldsOf = (path: string) => path.replace(/\[\d+\]/g, "").split(".");

const UNDESCRIBED = ", which the description does not have";
const isUndescribed = (sentence: string) => sentence.endsWith(UNDESCRIBED);

/** Whose field the last of a path is, and how it is described: `"rank" of Peer, described as …`. */
function described(schema: Schema, path: string): string {
  const fields = fieldsOf(path);
  const [last = ""] = fields.slice(-1);
  const objects = (forms: Form[]): Form[] =>
    forms.flatMap((form) =>
      form.items ? objects(formsOf(form.items)) : form.properties ? [form] : [],
    );
  const owners = fields
    .slice(0, -1)
    .reduce((forms, field) => objects(fieldForms(forms, field)), objects(formsOf(schema)));
  const what = `"${last}" of ${[...new Set(owners.map(({ name }) => name))].join(" or ")}`;
  const forms = fieldForms(owners, last);
  if (forms.length === 0) return what + UNDESCRIBED;
  const types = new Set(forms.map(({ type, pattern }) => `${type}${pattern ? ` ${pattern}` : ""}`));
  const optional = owners.some(({ required }) => required?.includes(last) !== true);
  return `${what}, described as ${[...types].join(" or ")}${optional ? ", or absent" : ""}`;
}

/** Paths of what a decoder looked for and did not find. */
function gaps(value: unknown, path = ""): string[] {
  if (value === undefined) return [path];
  if (typeof value !== "object" || value === null) return [];
  const step = (name: string) => (Array.isArray(value) ? `${path}[${name}]` : `${path}.${name}`);
  return Object.entries(value).flatMap(([name, item]) => gaps(item, step(name)));
}

/** What a decoder reads that an answer as described does not hold; empty where all is well. */
function drift(decode: Decoder<unknown>, schema: Schema): string[] {
  const found = new Set<string>();
  for (const whole of [true, false]) {
    for (const turn of [0, 1] as const) {
      for (const example of examplesOf(schema, { whole, turn })) {
        try {
          const decoded = decode(example, "");
          if (!whole) continue;
          for (const path of gaps(decoded))
            found.add(`this page reads ${described(schema, path.slice(1))}`);
        } catch (error) {
          if (!(error instanceof ShapeError)) throw error;
          const { path, expected } = error;
          found.add(`this page reads as ${expected}: ${described(schema, path)}`);
        }
      }
    }
  }
  return [...found];
}

const ASKED = Object.entries(questions).map(([name, make]) => {
  const about = make as (...values: string[]) => Question<unknown>;
  return [name, about(...Array.from({ length: make.length }, () => "7"))] as const;
});

describe("what the page reads is described", () => {
  it.each(ASKED)("in the answer to %s", (_, { path, decode }) => {
    expect(drift(decode, answerTo(path))).toEqual([]);
  });

  it("in an event of the stream", () => {
    expect(drift(types.event, answerTo("v1/events"))).toEqual([]);
  });

  it("in a refusal", () => {
    expect(drift(types.problem, schemaNamed("Problem"))).toEqual([]);
  });
});

describe("a drift is told", () => {
  const peer = schemaNamed("Peer");
  const one = <T>(field: string, decoder: Decoder<T>): Decoder<unknown> =>
    decode.object({ [field]: decoder });
  it.each([
    [
      "stakes",
      decode.amount,
      'as an amount of grains as a decimal text: "stakes" of Peer, which the description does not have',
    ],
    ["nick", decode.optional(decode.text), '"nick" of Peer, which the description does not have'],
    [
      "rank",
      decode.amount,
      'as an amount of grains as a decimal text: "rank" of Peer, described as number',
    ],
    ["rank", decode.count, 'as a whole number from 0: "rank" of Peer, described as number'],
    ["name", decode.text, 'as a text: "name" of Peer, described as string or null, or absent'],
  ])("%s", (field, decoder, sentence) => {
    expect(drift(one(field, decoder as Decoder<unknown>), peer)).toContain(
      `this page reads ${sentence}`,
    );
  });
});

/** Every field that is read of `value`, also inside its fields, goes to `seen` as a path. */
function watched(value: Fields, seen: (path: string) => void, path = ""): Fields {
  return new Proxy(value, {
    get(target, name) {
      const inner: unknown = Reflect.get(target, name);
      if (typeof name !== "string") return inner;
      seen(`${path}${name}`);
      const deeper = typeof inner === "object" && inner !== null && !Array.isArray(inner);
      return deeper ? watched(inner as Fields, seen, `${path}${name}.`) : inner;
    },
  });
}

const nameOf = (peer: number) => `peer-${peer}`;

/** The described kinds: what each is made of, by its name. */
const formsByKind = (forms: Form[]) => new Map(forms.map((form) => [kindOf(form) ?? "", form]));
const ACTIONS = formsByKind(fieldForms(formsOf(answerTo("v1/transactions/7")), "action"));
const EVENTS = formsByKind(formsOf(answerTo("v1/events")));

/** The feed leaves it out: it says no more than the list of blocks. */
const UNTOLD = ["block"];

const EACH = Object.entries(MECHANISMS);
const KNOWN = EACH.flatMap(([file, { actions, events }]) => [
  ...Object.entries(actions).map(([kind, say]) => ({
    file,
    kind,
    say,
    forms: ACTIONS,
    text: actionText,
  })),
  ...Object.entries(events).map(([kind, say]) => ({
    file,
    kind,
    say,
    forms: EVENTS,
    text: eventText,
  })),
]);

function formOf({ file, kind, forms }: (typeof KNOWN)[number]): Form {
  const form = forms.get(kind);
  const what = forms === ACTIONS ? "action" : "event";
  if (form === undefined)
    throw new Error(
      `kinds/${file}.ts has a sentence for the ${what} "${kind}", which the description does not have`,
    );
  return form;
}

describe("the sentence for", () => {
  it.each(KNOWN)("$kind reads only fields that it has, and tells all that it reads", (known) => {
    const form = formOf(known);
    const [first, other] = ([0, 1] as const).map(
      (turn) => examplesOf(form, { whole: true, turn })[0] as Fields,
    );
    const seen = new Set<string>();
    const text = known.say(
      watched(first as Fields, (path) => seen.add(path)),
      nameOf,
    );
    const reads = `kinds/${known.file}.ts, for "${known.kind}", reads`;
    const drifted = [...seen].map((path) => described(form, path)).filter(isUndescribed);
    if (drifted.length > 0) expect.fail(`${reads} ${drifted.join("; ")}`);
    for (const field of new Set([...seen].map((path) => path.split(".")[0] ?? ""))) {
      const again = known.say({ ...first, [field]: other?.[field] }, nameOf);
      expect(again, `${reads} "${field}" and does not tell it`).not.toBe(text);
    }
    expect(text, "a gap").not.toContain("?");
    expect(known.text({ kind: known.kind, fields: first as Fields }, nameOf)).toBe(text);
  });
});

describe("every described kind has a sentence", () => {
  const told = (what: "actions" | "events") =>
    EACH.flatMap(([, kinds]) => Object.keys(kinds[what]));
  it.each([
    ["actions", ACTIONS, []],
    ["events", EVENTS, UNTOLD],
  ] as const)("%s", (what, forms, untold) => {
    expect(forms.size).toBeGreaterThan(5);
    const silent = [...forms.keys()].filter((kind) => !told(what).includes(kind));
    expect(silent, `${what} that no file of src/kinds tells`).toEqual(untold);
    expect(told(what), "one kind told twice").toEqual([...new Set(told(what))]);
  });
});

describe("fields that hold grains or peers", () => {
  const all = [...ACTIONS.values(), ...EVENTS.values()];
  const isAmount = (form: Form) => form.name === "Amount";
  const own = ({ actions, events }: Kinds) => [
    ...Object.keys(actions).flatMap((kind) => ACTIONS.get(kind) ?? []),
    ...Object.keys(events).flatMap((kind) => EVENTS.get(kind) ?? []),
  ];

  it.each(EACH)("are those that kinds/%s.ts names", (_, kinds) => {
    const fields = own(kinds).flatMap(({ properties = {} }) => Object.keys(properties));
    const amounts = fields.filter((field) => fieldForms(all, field).some(isAmount));
    expect(new Set(kinds.amounts)).toEqual(new Set(amounts));
    for (const field of kinds.amounts)
      expect(fieldForms(all, field).every(isAmount), field).toBe(true);
    for (const field of kinds.peers) {
      expect(fields, "of its own kinds").toContain(field);
      expect(
        fieldForms(all, field).every(({ type }) => type === "integer"),
        field,
      ).toBe(true);
    }
  });
});

describe("the make-believe market", () => {
  const market = new FixtureMarket({ honest: 3, cabal: 1, height: 115, hostile: false });
  const json = (value: unknown) => JSON.parse(JSON.stringify(value));
  it.each([
    ["v1/status", market.status()],
    ["v1/blocks", market.blocks(Number.POSITIVE_INFINITY, 20)],
    ["v1/blocks/7", market.block(115)],
    ["v1/transactions/7", market.transaction(114, 0, 0)],
    ["v1/transactions/7", market.transaction(115, 1, 0)],
    ["v1/peers", market.peers()],
    ["v1/peers/7", market.peer(0)],
    ["v1/accounts/7", market.account("5FA9")],
    ["v1/market", market.market()],
    ["v1/history", market.history(0)],
  ])("answers %s as the node is described", (path, answer) => {
    expect(misfit(json(answer), answerTo(path))).toBeUndefined();
  });

  it("sends events as the node is described", () => {
    for (let height = 100; height <= 115; height += 1) {
      for (const event of market.events(height))
        expect(misfit(json(event), answerTo("v1/events"))).toBeUndefined();
    }
  });
});
