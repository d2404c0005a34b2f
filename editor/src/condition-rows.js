// The rows of a condition: questions in groups of which all, any, none or not all have to hold.

import { button, choice, codeInput, element, removal, textInput } from "./elements.js";
import { problems, sampled, share } from "./evidence.js";
import { filled } from "./texts.js";

const ALONE = ["exists", "not_exists", "empty", "not_empty", "null", "not_null"];
const LISTS = ["one_of", "none_of"];
const DATES = ["before", "from", "until", "after"];
const SPANS = ["last", "next", "longer_ago", "later_than_ago"];
const RARE = ["null", "not_null", "until", "after", "later_than_ago"]; // offered only where they stand already
const DAY = /^(\d{4}-\d\d-\d\d)?$/;

export const conditionRows = { draw, evidence, summary };

function draw(model, rows) {
  return group(model, rows, null);
}

function group(model, rows, remove) {
  const { texts } = rows;
  const list = element("ul", { class: "tracsync-rowlist" });
  const join = choice(texts.join, Object.entries(texts.joins), model.join, (value) => {
    model.join = value;
    rows.changed();
  });
  const head = element("div", { class: "tracsync-group-head" }, join, remove && removal(texts.remove_group, remove));
  const made = element("fieldset", { class: `tracsync-group${remove ? " is-inner" : ""}` });
  const place = element("p", { class: "tracsync-evidence" });
  rows.drawn.push({ model, element: made, place });
  const nothing = remove ? texts.nothing_in_group : texts.nothing;
  if (!model.rows.length) list.append(element("li", { class: "tracsync-no-rows" }, nothing));
  for (const one of model.rows) list.append(element("li", {}, part(one, rows, () => removed(model, one, rows))));
  const add = (row) => () => {
    model.rows.push(row());
    rows.restructured(({ drawn }) => last(drawn, model)?.querySelector("input"));
  };
  const actions = element(
    "p",
    { class: "tracsync-row-actions" },
    button(texts.add_condition, add(question)),
    remove ? null : button(texts.add_group, add(() => ({ kind: "group", join: "any", rows: [question()] }))),
  );
  made.append(element("legend", { class: "visually-hidden" }, remove ? texts.inner_group : texts.conditions), head, list, place, actions);
  return made;
}

export function question() {
  return { kind: "question", field: "", test: "is", type: "text", value: "", other: "", unit: "d", written: "" };
}

/** The element of the last row of a group. */
function last(drawn, group) {
  const row = group.rows.at(-1);
  return drawn.find((one) => one.model === row)?.element;
}

function removed(group, row, rows) {
  const at = group.rows.indexOf(row);
  group.rows.splice(at, 1);
  rows.restructured(({ drawn }) => {
    const next = group.rows[Math.min(at, group.rows.length - 1)] ?? group;
    return drawn.find((one) => one.model === next)?.element.querySelector("input, select, textarea, button");
  });
}

function part(model, rows, remove) {
  if (model.kind === "group") return group(model, rows, remove);
  return model.kind === "written" ? written(model, rows, remove) : asked(model, rows, remove);
}

/** What rows do not show. */
function written(model, rows, remove) {
  const { texts } = rows;
  const place = element("p", { class: "tracsync-evidence" });
  const code = codeInput(texts.written, model.written, (value) => {
    model.written = value;
    rows.changed();
  });
  const tag = element("span", { class: "tracsync-tag", title: texts.stays_text_why }, texts.stays_text);
  const made = element("div", { class: "tracsync-condition is-written" }, code, tag, removal(texts.remove, remove), place);
  rows.drawn.push({ model, element: made, place });
  return made;
}

function asked(model, rows, remove) {
  const place = element("p", { class: "tracsync-evidence" });
  const parts = controls(model, rows);
  const made = element("div", { class: "tracsync-condition" }, ...parts, removal(rows.texts.remove, remove), place);
  rows.drawn.push({ model, element: made, place, field: parts[0] });
  return made;
}

/** Of a question: its field, how it is compared, and with what. */
export function controls(model, rows) {
  const { texts, tools } = rows;
  const touch = (name) => (value) => {
    model[name] = value;
    model.written = "";
    rows.changed();
  };
  const field = textInput(texts.field, model.field, touch("field"), { placeholder: texts.field });
  tools.suggestFields(field);
  let value = values(model, rows, touch);
  const redrawn = () => {
    const at = [...value.querySelectorAll("input, select")].indexOf(document.activeElement);
    const now = values(model, rows, touch);
    value.replaceWith(now);
    value = now;
    if (at >= 0) goTo(now.querySelectorAll("input, select")[at]);
  };
  field.addEventListener("change", async () => {
    const before = model.value ? null : model.type; // what somebody has chosen for a value stays
    const type = await tools.typeOf(model.field);
    if (!type || model.type !== before || model.type === type || !model.field || DATES.includes(model.test) || SPANS.includes(model.test)) return;
    // A value that was typed in the meantime.
    if (model.value && (type === "boolean" || (type === "number" && Number.isNaN(Number(model.value))))) return;
    retype(model, type);
    redrawn();
    rows.changed();
  });
  const test = choice(texts.test, offered(texts.tests, model.test), model.test, (name) => {
    take(model, name);
    redrawn();
    touch("test")(name);
  });
  return [field, test, value];
}

/** On with typing, where a control was made anew. */
function goTo(control) {
  control?.focus();
  if (control?.type === "text") control.setSelectionRange(control.value.length, control.value.length);
}

function offered(groups, current) {
  return groups.map(([name, tests]) => [name, tests.filter(([test]) => !RARE.includes(test) || test === current)]);
}

/** A test needs another kind of value than the one before it. */
function take(model, test) {
  if (SPANS.includes(test)) {
    if (!/^\d+$/.test(model.value)) model.value = "30";
    model.type = "number";
  } else if (DATES.includes(test)) {
    if (!DAY.test(model.value)) model.value = "";
    model.type = "text";
  } else if (model.type === "boolean" && !["is", "is_not"].includes(test)) retype(model, "text");
}

function retype(model, type) {
  if (type === "boolean" && !["true", "false"].includes(model.value)) model.value = "true";
  if (model.type === "boolean" && type !== "boolean") model.value = "";
  model.type = type;
  model.written = "";
}

/** What the field is compared with. */
function values(model, rows, touch) {
  const { texts, tools } = rows;
  const box = element("div", { class: "tracsync-value" });
  const { test } = model;
  if (ALONE.includes(test)) return box;
  if (SPANS.includes(test)) {
    const number = textInput(texts.value, model.value, touch("value"), { inputmode: "numeric", class: "is-number" });
    box.append(number, choice(texts.unit, Object.entries(texts.units), model.unit, touch("unit")));
    return box;
  }
  if (DATES.includes(test)) {
    const plain = DAY.test(model.value);
    box.append(textInput(texts.value, model.value, touch("value"), plain ? { type: "date" } : {}));
    return box;
  }
  if (model.type === "boolean") {
    box.append(choice(texts.value, [["true", texts.yes], ["false", texts.no]], model.value, touch("value")));
  } else {
    const hint = LISTS.includes(test) ? texts.list_hint : texts.value;
    const first = textInput(texts.value, model.value, touch("value"), { placeholder: hint });
    if (model.type === "field") tools.suggestFields(first);
    box.append(first);
  }
  if (test === "between") box.append(element("span", {}, texts.and), textInput(texts.until, model.other, touch("other")));
  const types = LISTS.includes(test) ? ["text", "number"] : ["is", "is_not"].includes(test) ? ["text", "number", "boolean", "field"] : ["text", "number", "field"];
  const type = choice(texts.type, types.map((name) => [name, texts.types[name]]), model.type, (name) => {
    retype(model, name);
    const now = values(model, rows, touch);
    box.replaceChildren(...now.childNodes);
    box.querySelector(".tracsync-type")?.focus();
    touch("type")(name);
  }, { class: "tracsync-type" });
  box.append(type);
  return box;
}

function evidence(row, said, counts, rows) {
  const shown = [];
  if (row.model.kind !== "group" || counts?.at) {
    const met = counts?.met[counts.at];
    if (met !== undefined && met !== null && row !== rows.drawn[0]) shown.push(share(met, counts.failed[counts.at], counts, rows.texts));
  }
  if (said && row.model.kind === "question" && !said.problems.some(({ severity }) => severity === "error")) shown.push(...sampled(said, rows));
  shown.push(...problems(row, said, rows));
  row.place.replaceChildren(...shown);
}

function summary(rows, counts) {
  const met = counts?.met[0];
  const isWrong = rows.evidence.some((one) => one.problems.some(({ severity }) => severity === "error"));
  if (isWrong || met === undefined || met === null) return "";
  const number = new Intl.NumberFormat(document.documentElement.lang || undefined);
  const numbers = { met: number.format(met), looked: number.format(counts.looked_at), total: number.format(counts.total) };
  return filled(counts.looked_at < counts.total ? rows.texts.sum_of_some : rows.texts.sum, numbers);
}
