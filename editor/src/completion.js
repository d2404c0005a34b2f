// What can stand here: fields of real profiles and of the other system, functions, keywords, and a mapping's
// directives.

import { autocompletion, snippetCompletion } from "@codemirror/autocomplete";
import { itemsAround, keysAround } from "./items.js";
import { filled } from "./texts.js";

const BRACKET = String.raw`\[\\?"(?:[^"\\\n]|\\[^"])*(?:\\?"\]?)?|\[\d*\]?`;
const PATH = String.raw`(?:${BRACKET}|[\p{L}\p{N}_.$\-])*`;
const SOURCE = String.raw`[\p{L}_][\p{L}\p{N}_]*`;
const WORD = /[\p{L}_][\p{L}\p{N}_.]*$/u;

export function completion(kind, vocabulary, paths) {
  const tools = {
    field: new RegExp(`${SOURCE}@${PATH}$`, "u"),
    stillField: new RegExp(`^${SOURCE}@${PATH}$`, "u"),
    words: words(vocabulary),
    directives: directives(vocabulary.texts.directives),
    targets: vocabulary.targets,
    texts: vocabulary.texts,
    paths,
  };
  const source = kind === "mapping" ? inMapping : inCondition;
  return autocompletion({
    override: [(context) => source(context, tools)],
    activateOnTypingDelay: 120,
    interactionDelay: 0, // otherwise a quick Tab would leave the editor instead of taking a suggestion
    maxRenderedOptions: 60,
    icons: false,
    optionClass: (option) => `tracsync-option-${option.type}`,
  });
}

/** Functions with their arguments, keywords, and where data comes from. */
function words(vocabulary) {
  const functions = vocabulary.functions.map((one) =>
    snippetCompletion(`${one.name}(\${})`, { label: one.name, detail: one.arguments, type: "function" }),
  );
  const keywords = vocabulary.words.map((label) => ({ label, type: "keyword" }));
  const sources = vocabulary.sources.map((name, at) => ({
    label: `${name}@`,
    type: "field",
    boost: at ? 0 : 20,
  }));
  return [...sources, ...keywords, ...functions];
}

/** What stands for the items of the lists around. */
function itemWords(around, texts) {
  if (!around.inside) return [];
  const names = [...around.names.keys()].map((name) => ({ label: `${name}@`, type: "field", boost: 30 }));
  return [{ label: "item@", detail: texts.item, type: "field", boost: 31 }, ...names, ...loopFields(texts)];
}

function loopFields(texts) {
  return [
    { label: "loop@index", detail: texts.index, type: "field", boost: 26 },
    { label: "loop@number", detail: texts.number, type: "field", boost: 25 },
  ];
}

function inCondition(context, tools, around = aroundCondition(context)) {
  const typed = context.matchBefore(tools.field);
  if (typed) return fields(typed.from, typed.text, tools, (path) => path, around);
  const word = context.matchBefore(WORD);
  if (!word && !context.explicit) return null;
  const options = [...itemWords(around, tools.texts), ...tools.words];
  return { from: word ? word.from : context.pos, options, validFor: /^[\p{L}\p{N}_.]*$/u }; // behind an @ fields follow
}

function inMapping(context, tools) {
  const string = stringBefore(context);
  if (!string) return null;
  if (string.isKey) return keys(context, string, tools);
  const around = aroundString(context, string);
  const typed = context.matchBefore(tools.field);
  if (typed && typed.from >= string.from) {
    const written = (path) => JSON.stringify(path).slice(1, -1);
    return fields(typed.from, unescaped(typed.text), tools, written, around);
  }
  if (string.isCondition) return inCondition(context, tools, around);
  const before = string.text.replace(/^`/, "");
  const begun = /(?:^|\{\{\s*)(\p{L}*)$/u.exec(before);
  if (!begun) return null;
  const known = tools.words.filter((option) => option.type === "field");
  const choices = string.text === begun[1] ? taken(context, string, tools) : [];
  const options = [...choices, ...itemWords(around, tools.texts), ...known];
  return { from: context.pos - begun[1].length, options, validFor: /^\p{L}*$/u };
}

/** Fields of the other system at this place; what begins with $ is a directive. */
function keys(context, string, tools) {
  const directive = string.text.startsWith("$");
  const targets = directive ? [] : targetsWithin(keysAround(context.state.doc.toString(), string.from - 1), tools.targets);
  if (!directive && !context.explicit && !targets.length) return null;
  const options = directive ? tools.directives : context.explicit ? [...targets, ...tools.directives] : targets;
  return { from: string.from, options, validFor: /^\$?[^"\\$]*$/ };
}

/** The fields within these keys: those right there with what they are, and of others the object that they are in. */
function targetsWithin(keys, targets) {
  const prefix = keys.map((key) => `${plain(key)}.`).join("");
  const options = new Map();
  for (const one of targets.filter((target) => target.name.startsWith(prefix))) {
    const [label, ...inner] = one.name.slice(prefix.length).split(".");
    if (!inner.length) options.set(label, { label, detail: one.detail, type: "field" });
    else if (!options.has(label)) options.set(label, { label, detail: "{ }", type: "field" });
  }
  return [...options.values()];
}

/** The values that the other system takes for the key before this string. */
function taken(context, string, tools) {
  const keys = [...keysAround(context.state.doc.toString(), string.from - 1), string.key];
  const name = keys.map(plain).join(".");
  const choices = tools.targets.find((target) => target.name === name)?.choices ?? [];
  return choices.map((label, at) => ({ label, detail: tools.texts.choice, type: "keyword", boost: 50 - at / 10 }));
}

/** A key without the mark of what may be missing. */
function plain(key) {
  return key.replace(/\?$/, "");
}

/** The JSON string that the cursor is in; strings end with their line. */
function stringBefore(context) {
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  const opened = openQuote(before);
  if (opened < 0) return null;
  const key = /"([^"\\]*)"\s*:\s*$/.exec(before.slice(0, opened));
  const isKey = !key && /(?:^|[{,])\s*$/.test(before.slice(0, opened)) && !inList(context, line.from + opened);
  return {
    from: line.from + opened + 1,
    text: before.slice(opened + 1),
    key: key ? key[1] : "",
    isKey,
    isCondition: Boolean(key) && ["$formula", "$if", "where"].includes(key[1]),
  };
}

/** Where the string that is not closed yet begins; -1 outside of strings. */
function openQuote(text) {
  let opened = -1;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') opened = opened < 0 ? at : -1;
  }
  return opened;
}

/** Whether the innermost bracket before a place is that of a list, whose strings are no keys. */
function inList(context, position) {
  const text = context.state.sliceDoc(Math.max(0, position - 5000), position);
  const bare = text.replace(/"(?:[^"\\\n]|\\.)*"/g, "");
  let depth = 0;
  for (let at = bare.length - 1; at >= 0; at--) {
    if ("}]".includes(bare[at])) depth++;
    else if ("{[".includes(bare[at]) && depth-- === 0) return bare[at] === "[";
  }
  return false;
}

function directives(texts) {
  return Object.entries(texts).map(([label, detail]) => ({ label, detail, type: "keyword" }));
}

function aroundCondition(context) {
  return itemsAround(context.state.sliceDoc(0, context.pos), null, 0);
}

function aroundString(context, string) {
  return itemsAround(unescaped(string.text), context.state.doc.toString(), string.from);
}

/** Takes what there is around: the path of what `item@` and each name stand for, null where that cannot be told. */
async function fields(from, typed, tools, written, around) {
  const source = typed.slice(0, typed.indexOf("@") + 1);
  const path = typed.slice(source.length);
  if (source === "profile@") return options(from, source, "", path, tools, written);
  if (source === "loop@") return around.inside ? { from, options: loopFields(tools.texts), validFor: tools.stillField } : null;
  const items = source === "item@" ? around.path : (around.names.get(source.slice(0, -1)) ?? null);
  return items === null ? null : options(from, source, items, path, tools, written);
}

/** Paths below `above`, written as what comes after it. */
async function options(from, source, above, typed, tools, written) {
  const dot = above && typed && !typed.startsWith("[") ? "." : "";
  const answer = await tools.paths.below(above + dot + typed);
  const below = answer.paths.filter((one) => !above || /^[.[]/.test(one.path.slice(above.length)));
  const options = below.map((one, at) => ({
    label: written(source + one.path.slice(above.length).replace(above ? /^\./ : /^$/, "")),
    detail: [...one.kinds, ...(one.everywhere ? [] : [filled(tools.texts.seen, { ...one, ...answer })])].join(", "),
    type: "field",
    boost: -at / 10, // the server's order: the nearest and most frequent ones first
  }));
  return { from, options, validFor: answer.more ? undefined : tools.stillField };
}

/** What a piece of a JSON string stands for. */
function unescaped(text) {
  try {
    return JSON.parse(`"${text}"`);
  } catch {
    return text;
  }
}
