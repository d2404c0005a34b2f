// What stands under a row: how many profiles meet it, what one profile has, and what is wrong, where it was made.

import { button, element } from "./elements.js";
import { filled } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";

/** "1,204 of 6,000 profiles", with a bar. */
export function share(met, failed, counts, texts) {
  const number = new Intl.NumberFormat(document.documentElement.lang || undefined);
  const numbers = { met: number.format(met), looked: number.format(counts.looked_at), failed: number.format(failed) };
  const of = counts.looked_at < counts.total ? texts.share_of_some : texts.share;
  const text = filled(of, numbers) + (failed ? `; ${filled(texts.failed, numbers)}` : "");
  return element("span", { class: "tracsync-share" }, meter(met, counts.looked_at), text);
}

function meter(part, whole) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 10");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "tracsync-meter");
  svg.setAttribute("aria-hidden", "true");
  for (const width of [100, whole ? (100 * part) / whole : 0]) {
    const bar = document.createElementNS(SVG, "rect");
    bar.setAttribute("width", String(width));
    bar.setAttribute("height", "10");
    svg.append(bar);
  }
  return svg;
}

/** What the profile of the preview has there. */
export function sampled(said, rows) {
  const { texts, profile } = rows;
  if (!profile || !said.outcome) return [];
  if (said.value === null) return [element("span", {}, said.outcome === "left out" ? texts.left_out : texts.nothing_there)];
  return [element("code", {}, said.value)];
}

/** Mistakes and warnings; where a field was probably misspelt, a button takes the nearest. */
export function problems(row, said, rows) {
  const found = said?.problems ?? [];
  if (row.model.kind !== "group" && !row.isTop) mark(row, found.some(({ severity }) => severity === "error"));
  return found.map(({ severity, message, hint }) => {
    const suggests = said.suggestion && hint.includes(`@${said.suggestion}`);
    const line = element("span", { class: `tracsync-row-${severity}` }, sentence(message));
    if (suggests) line.append(" ", take(row, said.suggestion, rows));
    else if (hint) line.append(" ", sentence(hint));
    return line;
  });
}

function take(row, path, rows) {
  const act = () => {
    const asked = row.model.source === "if" ? row.model.question : row.model;
    asked.field = path;
    asked.written = "";
    rows.restructured(({ drawn }) => drawn.find((one) => one.model === row.model)?.field);
  };
  return button(filled(rows.texts.did_you_mean, { path }), act, { class: "tracsync-meant" });
}

let number = 0;

/** Who cannot see it hears what stands under the row, and which field it is about. */
function mark(row, isWrong) {
  row.place.id ||= `tracsync-evidence-${(number += 1)}`;
  const inputs = [...row.element.querySelectorAll("input:not([type=checkbox]), textarea")];
  const wrong = isWrong ? (inputs.find((one) => !one.value.trim() && !one.hidden) ?? row.field ?? inputs[0]) : null;
  for (const one of inputs) {
    one.setAttribute("aria-describedby", row.place.id);
    one.toggleAttribute("aria-invalid", false);
  }
  wrong?.setAttribute("aria-invalid", "true");
}

function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
