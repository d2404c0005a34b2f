// One editor in the place of one textarea.

import { closeBrackets, closeBracketsKeymap, completionKeymap, completionStatus, acceptCompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import {
  EditorView,
  drawSelection,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  tooltips,
} from "@codemirror/view";
import { highlighting } from "./highlighting.js";

export function mount(textarea, { nonce, texts, language, completion, checker, numbered }) {
  const fixed = textarea.readOnly || textarea.disabled;
  const view = new EditorView({
    doc: textarea.value,
    extensions: [
      EditorView.cspNonce.of(nonce),
      EditorView.contentAttributes.of(accessible(textarea, checker.said, fixed)),
      EditorView.editorAttributes.of({ class: `tracsync-editor tracsync-editor-${textarea.dataset.notation}` }),
      EditorView.lineWrapping,
      EditorState.readOnly.of(fixed),
      indentUnit.of("  "),
      EditorState.tabSize.of(2),
      EditorState.phrases.of(texts.phrases),
      numbered ? lineNumbers() : [],
      history(),
      drawSelection(),
      highlightSpecialChars(),
      tooltips({ parent: document.body }),
      indentOnInput(),
      bracketMatching(),
      closeBrackets(),
      language,
      highlighting,
      completion,
      checker.extension,
      EditorView.domEventHandlers({ beforeinput: typeOver }),
      EditorView.updateListener.of((update) => update.docChanged && write(textarea, update.state)),
      keymap.of([
        { key: "Tab", run: (target) => completionStatus(target.state) === "active" && acceptCompletion(target) },
        ...closeBracketsKeymap,
        ...completionKeymap,
        ...defaultKeymap,
        ...historyKeymap,
        ...lintKeymap,
      ]),
    ],
  });
  const place = document.createElement("div");
  place.className = "tracsync-editor-place";
  place.append(view.dom, keys(textarea, texts), checker.said);
  textarea.after(place);
  textarea.classList.add("tracsync-enhanced");
  label(textarea)?.addEventListener("click", () => view.focus());
  return view;
}

/** Tab leaves the editor, unless it takes a suggestion: Escape first, then Tab, always leaves. */
function keys(textarea, texts) {
  const help = document.createElement("p");
  help.className = "tracsync-keys";
  help.id = `${textarea.id}_keys`;
  texts.keys.forEach(([key, text], at) => {
    const element = document.createElement("kbd");
    element.textContent = key;
    help.append(at ? " · " : "", element, ` ${text}`);
  });
  return help;
}

function accessible(textarea, said, fixed) {
  const attributes = {
    "aria-describedby": [textarea.getAttribute("aria-describedby"), `${textarea.id}_keys`, said.id].filter(Boolean).join(" "),
    spellcheck: "false",
    autocapitalize: "off",
  };
  const name = label(textarea);
  if (name) {
    name.id ||= `${textarea.id}_label`;
    attributes["aria-labelledby"] = name.id;
  }
  if (fixed) attributes["aria-readonly"] = "true";
  if (textarea.required) attributes["aria-required"] = "true";
  return attributes;
}

function label(textarea) {
  return document.querySelector(`label[for="${CSS.escape(textarea.id)}"]`);
}

/** The textarea is what the form sends; others listen to it. */
function write(textarea, state) {
  textarea.value = state.doc.toString();
  textarea.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Chromium types over coloured text with an inline style, which the Content-Security-Policy forbids. */
function typeOver(event, view) {
  const { from, to, empty } = view.state.selection.main;
  if (event.inputType !== "insertText" || event.data === null || empty || view.composing || view.state.readOnly) {
    return false;
  }
  event.preventDefault();
  const insert = () => view.state.update(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
  const handlers = view.state.facet(EditorView.inputHandler);
  if (!handlers.some((handle) => handle(view, from, to, event.data, insert))) view.dispatch(insert());
  return true;
}
