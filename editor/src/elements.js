// Small parts of the rows: elements, lists to choose from, buttons. No inline styles, no markup from texts.

/** An element with attributes, and what is in it: texts and elements. */
export function element(name, attributes = {}, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...content.filter((one) => one !== null && one !== undefined));
  return made;
}

export function button(text, act, attributes = {}) {
  const made = element("button", { type: "button", class: "button tracsync-small tracsync-quiet", ...attributes }, text);
  made.addEventListener("click", act);
  return made;
}

export function removal(label, act) {
  return button("×", act, { class: "tracsync-remove", "aria-label": label, title: label });
}

/** One line of text. `take` is called with each change. */
export function textInput(label, value, take, attributes = {}) {
  const made = element("input", {
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    autocapitalize: "off",
    "aria-label": label,
    ...attributes,
  });
  made.value = value;
  made.addEventListener("input", () => take(made.value));
  return made;
}

/** Several lines of code. */
export function codeInput(label, value, take) {
  const made = element("textarea", {
    class: "tracsync-written",
    rows: Math.min(8, value.split("\n").reduce((lines, line) => lines + Math.ceil((line.length + 1) / 40), 0)),
    spellcheck: "false",
    autocapitalize: "off",
    "aria-label": label,
  });
  made.value = value;
  made.addEventListener("input", () => take(made.value));
  return made;
}

/** `options` are pairs of a value and its text, or `[text of a group, pairs]`. */
export function choice(label, options, value, take, attributes = {}) {
  const made = element("select", { "aria-label": label, ...attributes });
  for (const [name, text] of options) {
    if (Array.isArray(text)) made.append(element("optgroup", { label: name }, ...text.map(option)));
    else made.append(option([name, text]));
  }
  made.value = value;
  made.addEventListener("change", () => take(made.value));
  return made;
}

function option([value, text]) {
  return element("option", { value }, text);
}

/** A list that the browser suggests from; it is filled when a field that uses it is gone to or typed in. */
export class Suggestions {
  constructor(id) {
    this.list = element("datalist", { id });
    document.body.append(this.list);
  }

  /** `find(typed)` gives, at once or later, pairs of a value and its text. */
  offer(input, find) {
    input.setAttribute("list", this.list.id);
    const fill = async () => {
      const typed = input.value;
      const found = await find(typed);
      if (document.activeElement !== input || input.value !== typed) return;
      this.list.replaceChildren(...found.map(option));
    };
    input.addEventListener("focus", fill);
    input.addEventListener("input", fill);
  }
}
