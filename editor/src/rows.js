// A condition or a mapping as rows, beside its text. The text is the truth and is what the form sends: rows are read
// from it, and each change of a row is written to it, both by the server. What rows cannot show stays text.

import { conditionRows } from "./condition-rows.js";
import { button, element } from "./elements.js";
import { mappingRows } from "./mapping-rows.js";
import { filled } from "./texts.js";

const PAUSE = 250; // milliseconds after the last key
const MAKERS = { condition: conditionRows, mapping: mappingRows };

/** The rows of one textarea, whose editor is `view`; `tools` is what all rows of a page share. */
export class Rows {
  constructor(textarea, view, vocabulary, tools) {
    this.textarea = textarea;
    this.view = view;
    this.kind = textarea.dataset.notation;
    this.vocabulary = vocabulary;
    this.texts = vocabulary.rows_texts;
    this.tools = tools;
    this.dirty = false; // whether a row says what the text does not say yet
    this.evidence = [];
    this.build();
    if (this.remembered() === "text") this.show("text");
    else this.toRows();
    const again = () => this.model && this.shown === "rows" && this.soon();
    tools.onProfile(again);
    document.addEventListener("tracsync:signed-in", again);
  }

  build() {
    const { texts } = this;
    this.choices = ["rows", "text"].map((name) => {
      const one = button(texts[name], () => (name === "rows" ? this.choose("rows") : this.choose("text")), {
        class: "tracsync-switch",
        "aria-pressed": "false",
      });
      one.dataset.shows = name;
      return one;
    });
    const label = document.querySelector(`label[for="${CSS.escape(this.textarea.id)}"]`);
    const name = label?.textContent.replace(/:\s*$/, "") ?? "";
    this.note = element("p", { class: "tracsync-rows-note", role: "status" });
    this.body = element("div", { class: "tracsync-rows-body" });
    this.summary = element("p", { class: "tracsync-rows-summary", role: "status" });
    this.box = element("div", { class: "tracsync-rowset", role: "group", "aria-label": name }, this.body, this.summary);
    const group = element("div", { class: "tracsync-switches", role: "group", "aria-label": filled(texts.shown_as, { name }) }, ...this.choices);
    this.place = this.textarea.nextElementSibling;
    this.sample = element("span", { class: "tracsync-rows-sample" });
    this.place.before(element("div", { class: "tracsync-rows-head" }, group, this.sample, this.note), this.box);
    this.box.addEventListener("keydown", (event) => {
      // Whoever ends a value with Enter does not mean to save the destination.
      if (event.key === "Enter" && event.target.matches("input:not([type=checkbox])")) event.preventDefault();
    });
    for (const event of ["input", "change"]) this.box.addEventListener(event, (one) => one.stopPropagation());
  }

  remembered() {
    try {
      return localStorage.getItem(`tracsync.${this.kind}.shown`);
    } catch {
      return null; // a browser that keeps nothing
    }
  }

  async choose(name) {
    try {
      localStorage.setItem(`tracsync.${this.kind}.shown`, name);
    } catch {
      // it is only not remembered
    }
    if (name === this.shown) return;
    if (name === "rows") await this.toRows();
    else if (await this.flush()) this.show("text");
    else this.note.textContent = this.texts.away;
  }

  show(name) {
    this.shown = name;
    for (const one of this.choices) one.setAttribute("aria-pressed", String(one.dataset.shows === name));
    this.box.hidden = name !== "rows";
    this.place.hidden = name === "rows";
    const { state } = this.view;
    if (name === "text" && state.doc.toString() !== this.textarea.value) {
      this.view.dispatch({ changes: { from: 0, to: state.doc.length, insert: this.textarea.value } });
    }
    if (name === "text") this.view.requestMeasure();
    this.note.textContent = this.sample.textContent = "";
  }

  async toRows() {
    this.show("rows");
    // What is typed into rows that are about to be replaced would be lost.
    this.box.inert = true;
    this.box.setAttribute("aria-busy", "true");
    const text = this.textarea.value;
    const answer = await this.ask({ text });
    if (text !== this.textarea.value) return this.shown === "rows" ? this.toRows() : undefined;
    this.box.inert = false;
    this.box.removeAttribute("aria-busy");
    if (!answer?.rows) {
      this.show("text");
      this.note.textContent = answer?.refused ? filled(this.texts.refused, { reason: answer.refused }) : this.texts.away;
      return;
    }
    this.model = answer.rows;
    this.dirty = false;
    this.redraw();
    this.judge();
  }

  /** Draws all rows anew; `focus` finds the element to go to among them. */
  redraw(focus) {
    const { draw } = MAKERS[this.kind];
    this.drawn = []; // of each row, from top to bottom: its model, element, and where its evidence stands
    this.body.replaceChildren(draw(this.model, this));
    if (focus) focus(this)?.focus();
    this.showEvidence();
  }

  /** Somebody changed a row. */
  changed() {
    this.dirty = true;
    this.soon();
  }

  /** Rows were added or removed. */
  restructured(focus) {
    this.evidence = [];
    this.redraw(focus);
    this.changed();
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.judge(), PAUSE);
  }

  /** The text of the rows, and what is to be said of them. Answers whether the server did. */
  async judge() {
    clearTimeout(this.timer);
    const asked = JSON.stringify(this.model);
    const fields = this.textarea.form.elements;
    const answer = await this.ask({
      rows: asked,
      profile: this.tools.profile(),
      destination: this.vocabulary.destination,
      resource: fields.resource?.value ?? "",
      use_test: fields.use_test_credentials?.checked ?? false,
    });
    if (asked !== JSON.stringify(this.model)) return true; // somebody went on: still dirty, and asked about again
    if (!answer?.evidence) {
      this.note.textContent = answer?.error ?? this.texts.away;
      return false;
    }
    this.note.textContent = "";
    this.evidence = answer.evidence;
    this.profile = answer.profile;
    if (this.dirty) this.write(answer.text);
    this.showEvidence();
    this.count(asked);
    return true;
  }

  write(text) {
    this.dirty = false;
    if (this.textarea.value === text) return;
    this.textarea.value = text;
    this.textarea.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** A field of the rows, as texts refer to it. */
  reference(path) {
    return this.vocabulary.sources.some((source) => path.startsWith(`${source}@`)) ? path : `profile@${path}`;
  }

  /** Once the text says what the rows say; false where the server does not answer. */
  async flush() {
    while (this.dirty && this.shown === "rows") {
      if (!(await this.judge())) return false;
    }
    return true;
  }

  /** The first field of the rows in which something is wrong. */
  wrong() {
    if (this.shown !== "rows") return null;
    const at = this.evidence.findIndex((one) => one.problems.some(({ severity }) => severity === "error"));
    return at < 0 ? null : this.drawn[at]?.element.querySelector("input, select, textarea") ?? this.choices[0];
  }

  async count(asked) {
    if (this.kind !== "condition" || !this.tools.mayCount) return;
    this.asked = asked;
    const answer = await this.post(this.vocabulary.counts_url, { rows: asked });
    if (!answer?.met || this.asked !== asked) return;
    this.counts = answer;
    this.counted = asked;
    this.showEvidence();
  }

  showEvidence() {
    const { evidence, summary } = MAKERS[this.kind];
    const counts = this.counted === JSON.stringify(this.model) ? this.counts : null;
    this.drawn.forEach((row, at) => evidence(row, this.evidence[at], counts && { ...counts, at }, this));
    this.sample.textContent = this.profile && this.shown === "rows" ? filled(this.texts.values_of, { profile: this.profile }) : "";
    const text = summary(this, counts);
    if (this.summary.textContent !== text) this.summary.textContent = text;
  }

  ask(fields) {
    return this.post(this.vocabulary.rows_url, { kind: this.kind, ...fields });
  }

  async post(url, fields) {
    const token = this.textarea.form.elements.csrfmiddlewaretoken.value;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "X-CSRFToken": token, Accept: "application/json" },
        body: new URLSearchParams(fields),
      });
      if (response.redirected) document.dispatchEvent(new Event("tracsync:signed-out"));
      if (response.redirected || !response.headers.get("Content-Type")?.includes("json")) return null;
      return await response.json();
    } catch {
      return null;
    }
  }
}

/** The form is sent once its texts say what the rows say, and no row is half filled in. */
export function guard(form, all) {
  form.addEventListener("submit", async (event) => {
    const { submitter } = event;
    const waiting = all.filter((rows) => rows.dirty);
    const wrong = submitter?.formNoValidate ? null : all.map((rows) => rows.wrong()).find(Boolean);
    if (!waiting.length && !wrong) return;
    event.preventDefault();
    const flushed = await Promise.all(waiting.map((rows) => rows.flush()));
    const bad = submitter?.formNoValidate ? null : all.map((rows) => rows.wrong()).find(Boolean);
    if (bad) return bad.focus();
    if (flushed.every(Boolean)) form.requestSubmit(submitter);
  });
}
