// Objects of texts, such as headers, as rows of a name and a value; tags as one field each. The form's own field
// stays what is sent.

(() => {
  for (const field of document.querySelectorAll("textarea[data-rows]")) show(field);

  function show(field) {
    const texts = field.dataset;
    const entries = read(field.value || texts.stored); // what is stored and not sent back has masked values
    if (!entries) return; // not JSON, or no object: it stays as it was typed
    const box = document.createElement("div");
    box.className = "tracsync-rows";
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", texts.rows);

    const add = button(texts.add, () => row("", "").querySelector("input").focus());
    box.append(add);
    for (const [name, value] of entries) row(name, typeof value === "string" ? value : JSON.stringify(value));
    field.closest(".form-row")?.querySelector(".tracsync-as-json")?.remove();
    field.hidden = true;
    field.after(box);
    field.form?.addEventListener("submit", (event) => {
      const wrong = box.querySelector("input:invalid");
      if (!wrong || event.defaultPrevented) return;
      event.preventDefault();
      wrong.closest("details")?.setAttribute("open", "");
      wrong.reportValidity();
    });

    function row(name, value) {
      const line = document.createElement("div");
      line.className = "tracsync-row";
      const remove = button(texts.remove, () => {
        line.remove();
        write();
        add.focus();
      });
      remove.setAttribute("aria-label", `${texts.remove} ${name}`.trim());
      line.append(input(texts.name, name), input(texts.value, value), remove);
      add.before(line);
      return line;
    }

    function input(label, value) {
      const one = document.createElement("input");
      one.type = "text";
      one.className = "vTextField";
      one.autocomplete = "off";
      one.spellcheck = false;
      one.placeholder = label;
      one.setAttribute("aria-label", `${texts.rows}: ${label}`);
      one.value = value;
      one.addEventListener("input", write);
      // A masked value is replaced as a whole: a part of it means nothing.
      one.addEventListener("focus", () => one.value === texts.mask && one.select());
      return one;
    }

    /** What the rows say, as the field's text; and whoever follows the field is told. */
    function write() {
      const found = {};
      for (const line of box.querySelectorAll(".tracsync-row")) {
        const inputs = [...line.querySelectorAll("input")];
        const [name, value] = inputs.map((one) => one.value.trim());
        // Nothing that was typed is left out silently.
        inputs[0].required = value !== "";
        inputs[0].setCustomValidity(name && Object.hasOwn(found, name) ? texts.twice : "");
        if (name) found[name] = meant(value);
      }
      field.value = JSON.stringify(found, null, 2);
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }

  for (const field of document.querySelectorAll("input[data-tags]")) showTags(field);

  function showTags(field) {
    const texts = field.dataset;
    const box = document.createElement("div");
    box.className = "tracsync-rows tracsync-tags";
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", texts.tags);
    const add = button(texts.add, () => tag("").querySelector("input").focus());
    box.append(add);
    for (const word of words(field.value)) tag(word);
    field.hidden = true;
    field.after(box);

    function tag(word) {
      const line = document.createElement("span");
      line.className = "tracsync-tag-field";
      const one = document.createElement("input");
      one.type = "text";
      one.autocomplete = "off";
      one.value = word;
      one.size = Math.max(6, word.length + 1);
      one.setAttribute("aria-label", texts.tag);
      one.addEventListener("input", () => {
        one.size = Math.max(6, one.value.length + 1);
        write();
      });
      one.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || !one.value.trim()) return; // Enter after a word begins the next one
        event.preventDefault();
        tag("").querySelector("input").focus();
      });
      const remove = button("×", () => {
        line.remove();
        write();
        add.focus();
      });
      remove.className = "tracsync-remove";
      remove.setAttribute("aria-label", `${texts.remove} ${word}`.trim());
      line.append(one, remove);
      add.before(line);
      return line;
    }

    /** Commas within one field make several tags of it, as they always did. */
    function write() {
      field.value = Array.from(box.querySelectorAll("input"), (one) => one.value.trim()).filter(Boolean).join(", ");
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }

  function words(text) {
    return text.split(",").map((word) => word.trim()).filter(Boolean);
  }

  function button(text, act) {
    const one = document.createElement("button");
    one.type = "button";
    one.className = "button tracsync-small tracsync-quiet";
    one.textContent = text;
    one.addEventListener("click", act);
    return one;
  }

  /** A formula is written as JSON; everything else is a text. */
  function meant(value) {
    if (!value.startsWith("{") || value.startsWith("{{")) return value;
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  }

  function read(text) {
    try {
      const value = JSON.parse(text || "{}");
      return value && typeof value === "object" && !Array.isArray(value) ? Object.entries(value) : null;
    } catch {
      return null;
    }
  }
})();
