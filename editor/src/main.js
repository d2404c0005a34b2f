// Turns the textareas of a destination's form into editors. A textarea stays the form's field, and stays
// usable where this script does not run.

import { checker } from "./checking.js";
import { completion } from "./completion.js";
import { condition, mapping } from "./languages.js";
import { mount } from "./mount.js";
import { Paths } from "./paths.js";
import { Rows, guard } from "./rows.js";
import { Tools } from "./shared.js";

const nonce = document.currentScript?.nonce ?? "";
const settings = document.getElementById("tracsync-notation");

if (settings) {
  const vocabulary = JSON.parse(settings.textContent);
  const paths = new Paths(vocabulary.paths_url);
  const languages = { condition: condition(vocabulary), mapping: mapping(vocabulary) };
  const tools = new Tools(vocabulary);
  const all = [];
  for (const textarea of document.querySelectorAll("textarea[data-notation]")) {
    const kind = textarea.dataset.notation;
    const view = mount(textarea, {
      nonce,
      texts: vocabulary.texts,
      language: languages[kind],
      completion: completion(kind, vocabulary, paths),
      checker: checker(kind, vocabulary, textarea),
      numbered: kind === "mapping",
    });
    if (!textarea.readOnly && !textarea.disabled) all.push(new Rows(textarea, view, vocabulary, tools));
  }
  if (all.length) guard(all[0].textarea.form, all);
}
