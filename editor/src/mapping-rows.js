// The rows of a mapping: each a field of the other system, and what it is made of.

import { controls, question } from "./condition-rows.js";
import { button, choice, codeInput, element, removal, textInput } from "./elements.js";
import { problems, sampled } from "./evidence.js";

export const mappingRows = { draw, evidence, summary: () => "" };

function draw(model, rows) {
  return entries(model, rows, []);
}

/** The rows of an object; `above` are the keys that lead to it. */
function entries(model, rows, above) {
  const { texts } = rows;
  const list = element("ul", { class: "tracsync-rowlist" });
  const place = element("p", { class: "tracsync-evidence" });
  const box = element("div", { class: `tracsync-entries${above.length ? " is-inner" : ""}` });
  if (!above.length) rows.drawn.push({ model, element: box, place, isTop: true });
  if (!model.rows.length) list.append(element("li", { class: "tracsync-no-rows" }, texts.no_fields));
  for (const one of model.rows) {
    const item = element("li");
    list.append(item);
    item.append(entry(one, rows, above, () => removed(model, one, rows)));
  }
  const add = (key, focus = "input") => {
    const typed = key && model.rows.find((one) => one.key === key); // since the buttons were drawn
    const made = typed || { ...blank(), key };
    if (!typed) model.rows.push(made);
    rows.restructured(({ drawn }) => drawn.find((one) => one.model === made)?.element.querySelector(focus));
  };
  const offers = rows.tools.unused(model.rows.map((one) => one.key), above);
  const unused = offers.map((name) => button(name, () => add(name, ".tracsync-ours"), { class: "tracsync-unused" }));
  if (unused.length) unused.unshift(element("span", { class: "tracsync-known" }, texts.also_knows));
  box.append(list);
  if (!above.length) box.append(place);
  box.append(element("p", { class: "tracsync-row-actions" }, button(texts.add_field, () => add("")), ...unused));
  return box;
}

function blank() {
  const texts = { key: "", source: "field", field: "", cast: "", pattern: "", type: "text", value: "", written: "" };
  return { kind: "entry", optional: false, ...texts, cases: [], rows: [], question: question() };
}

function removed(object, row, rows) {
  const at = object.rows.indexOf(row);
  object.rows.splice(at, 1);
  rows.restructured(({ drawn }) => {
    const next = object.rows[Math.min(at, object.rows.length - 1)] ?? object;
    return drawn.find((one) => one.model === next)?.element.querySelector("input, button");
  });
}

function entry(model, rows, above, remove) {
  const { texts, tools } = rows;
  const place = element("p", { class: "tracsync-evidence" });
  const row = { model, place };
  rows.drawn.push(row);
  const touch = (name) => (value) => {
    model[name] = value;
    model.written = "";
    rows.changed();
  };
  const key = textInput(texts.their_field, model.key, touch("key"), { placeholder: texts.their_field, class: "tracsync-their" });
  tools.suggestTargets(key, above);
  const source = choice(texts.made_of, Object.entries(texts.sources), model.source, (name) => {
    become(model, name, rows);
    rows.restructured(({ drawn }) => drawn.find((one) => one.model === model)?.element.querySelector(".tracsync-source"));
  }, { class: "tracsync-source" });
  const box = element("input", { type: "checkbox" });
  box.checked = model.optional;
  box.addEventListener("change", () => touch("optional")(box.checked));
  const optional = element("label", { class: "tracsync-optional", title: texts.optional_why }, box, ` ${texts.optional}`);
  const arrow = element("span", { class: "tracsync-arrow", "aria-hidden": "true" }, "←");
  const what = element("div", { class: "tracsync-made-of" }, source, ...made(model, rows, touch, row, above));
  const line = element("div", { class: `tracsync-mapping is-${model.source}` }, key, arrow, what, optional, removal(texts.remove, remove), place);
  row.element = line;
  if (model.source === "object") {
    const inner = entries(model, rows, [...above, model.key]);
    return element("div", {}, line, inner);
  }
  return line;
}

const MEMORY = new WeakMap(); // of each entry: what it was with other sources, which a key press may leave

/** Another source: what it was with the one before comes back with that one. */
function become(model, name, rows) {
  const memory = MEMORY.get(model) ?? {};
  const { field, cast: as, pattern, type, value, cases: lines, rows: inner, written, question: asked } = model;
  memory[model.source] = { field, cast: as, pattern, type, value, cases: lines, rows: inner, written, question: asked };
  MEMORY.set(model, memory);
  const begun = { field: "", cast: "", pattern: "", type: "text", value: "", cases: [], rows: [], written: "", question: question() };
  if (name === "text" && field) begun.value = `{{${rows.reference(field)}}}`;
  if (["text", "fixed"].includes(name) && ["text", "fixed"].includes(model.source)) begun.value = value;
  if (["field", "choice"].includes(name)) begun.field = field;
  if (name === "if") begun.question.field = field;
  if (["choice", "if"].includes(name)) Object.assign(begun, { type: "null", cases: [{ when: "", type: "text", value: "" }] });
  Object.assign(model, begun, memory[name], { source: name });
}

/** The controls of what it is made of. */
function made(model, rows, touch, row, above) {
  const { texts, tools } = rows;
  if (model.source === "object") return [];
  if (model.source === "json") return [codeInput(texts.json, model.value, touch("value")), tag(texts)];
  if (model.source === "formula") return [codeInput(texts.formula, model.value, touch("value")), tag(texts)];
  if (model.source === "if") return [condition(model, rows, row, above)];
  if (model.source === "text") return [withFields(model, rows, touch)];
  if (model.source === "fixed") {
    return [constant(model, rows, ["text", "number", "boolean", "null"], () => [...above, model.key].join("."))];
  }
  const field = textInput(texts.our_field, model.field, touch("field"), { placeholder: texts.our_field, class: "tracsync-ours" });
  tools.suggestFields(field);
  row.field = field;
  return model.source === "choice" ? [field, cases(model, rows, above)] : [field, ...cast(model, rows, touch)];
}

function tag(texts) {
  return element("span", { class: "tracsync-tag", title: texts.stays_text_why }, texts.stays_text);
}

function cast(model, rows, touch) {
  const { texts } = rows;
  const pattern = textInput(texts.pattern, model.pattern, touch("pattern"), { placeholder: "YYYY-MM-DD", class: "tracsync-pattern" });
  pattern.hidden = model.cast !== "date";
  rows.tools.values.offer(pattern, () => texts.patterns);
  const as = choice(texts.as, Object.entries(texts.casts), model.cast, (name) => {
    pattern.hidden = name !== "date";
    if (name !== "date") model.pattern = "";
    else if (!model.pattern) pattern.value = model.pattern = "YYYY-MM-DD";
    touch("cast")(name);
  }, { class: "tracsync-cast" });
  return [as, pattern];
}

/** A text, and a field that is put into it where the cursor is. */
function withFields(model, rows, touch) {
  const { texts, tools } = rows;
  const text = textInput(texts.text_with_fields, model.value, touch("value"), { placeholder: texts.text_example });
  const pick = textInput(texts.insert_field, "", () => {}, { placeholder: texts.insert_field, class: "tracsync-insert" });
  tools.suggestFields(pick);
  const insert = () => {
    if (!pick.value.trim()) return;
    const at = text.selectionStart ?? text.value.length;
    const reference = `{{${rows.reference(pick.value.trim())}}}`;
    text.value = text.value.slice(0, at) + reference + text.value.slice(text.selectionEnd ?? at);
    pick.value = "";
    touch("value")(text.value);
    text.focus();
    text.setSelectionRange(at + reference.length, at + reference.length);
  };
  pick.addEventListener("change", insert);
  pick.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    insert();
  });
  return element("div", { class: "tracsync-text-with" }, text, pick);
}

/** A value and its type, of an entry or of one case of a choice. */
function constant(model, rows, types, target) {
  const { texts, tools } = rows;
  const box = element("div", { class: "tracsync-value" });
  const draw = () => {
    const take = (value) => {
      model.value = value;
      rows.changed();
    };
    let value = null;
    if (model.type === "boolean") value = choice(texts.value, [["true", texts.yes], ["false", texts.no]], model.value, take);
    else if (model.type !== "null") {
      value = textInput(texts.value, model.value, take, { placeholder: model.type === "field" ? texts.our_field : texts.value });
      if (model.type === "field") tools.suggestFields(value);
      else tools.suggestValues(value, target);
    }
    const type = choice(texts.type, types.map((name) => [name, texts.types[name]]), model.type, (name) => {
      if (name === "boolean") model.value = "true";
      else if (model.type === "boolean" || name === "null") model.value = "";
      model.type = name;
      draw();
      box.querySelector(".tracsync-type").focus();
      rows.changed();
    }, { class: "tracsync-type" });
    box.replaceChildren(...[value, type].filter(Boolean));
  };
  draw();
  return box;
}

/** If the field is this, then that; otherwise something else. */
function cases(model, rows, above) {
  const { texts } = rows;
  const target = () => [...above, model.key].join(".");
  const box = element("div", { class: "tracsync-cases" });
  const types = ["text", "number", "boolean", "field", "null"];
  model.cases.forEach((one) => {
    const when = textInput(texts.when, one.when, (value) => {
      one.when = value;
      rows.changed();
    }, { placeholder: texts.value });
    const remove = removal(texts.remove_case, () => {
      model.cases.splice(model.cases.indexOf(one), 1);
      rows.restructured(({ drawn }) => drawn.find((row) => row.model === model)?.field);
    });
    box.append(
      element("div", { class: "tracsync-case" }, element("span", {}, texts.if_it_is), when, element("span", {}, texts.then), constant(one, rows, types, target), remove),
    );
  });
  const add = button(texts.add_case, () => {
    model.cases.push({ when: "", type: "text", value: "" });
    rows.restructured(({ drawn }) => [...drawn.find((row) => row.model === model).element.querySelectorAll(".tracsync-case input")].at(-2));
  });
  const otherwise = element("div", { class: "tracsync-case is-otherwise" }, element("span", {}, texts.otherwise), constant(model, rows, types, target));
  box.append(otherwise, element("div", { class: "tracsync-row-actions" }, add));
  return box;
}

/** If a question is met, then this; otherwise something else. */
function condition(model, rows, row, above) {
  const { texts } = rows;
  const target = () => [...above, model.key].join(".");
  const types = ["text", "number", "boolean", "field", "null"];
  const parts = controls(model.question, rows);
  [row.field] = parts;
  return element(
    "div",
    { class: "tracsync-cases" },
    element("div", { class: "tracsync-case is-asked" }, element("span", {}, texts.if), ...parts),
    element("div", { class: "tracsync-case" }, element("span", {}, texts.then), constant(model.cases[0], rows, types, target)),
    element("div", { class: "tracsync-case" }, element("span", {}, texts.otherwise), constant(model, rows, types, target)),
  );
}

function evidence(row, said, _counts, rows) {
  const isWrong = said?.problems.some(({ severity }) => severity === "error");
  const shown = said && row.model.source !== "object" && !isWrong ? sampled(said, rows) : [];
  row.place.replaceChildren(...shown, ...problems(row, said, rows));
}
