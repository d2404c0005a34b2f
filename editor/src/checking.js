// Marks mistakes where they are, and what is probably not meant: the server's own parser finds them, a moment after
// the typing stops.

import { linter } from "@codemirror/lint";
import { filled } from "./texts.js";

export function checker(kind, vocabulary, textarea) {
  const { texts } = vocabulary;
  const said = document.createElement("p");
  said.className = "tracsync-said";
  said.id = `${textarea.id}_said`;
  said.setAttribute("role", "status");
  const source = async (view) => {
    const { doc } = view.state;
    const problems = await ask(kind, vocabulary, doc.toString(), textarea);
    if (problems === null || !view.state.doc.eq(doc)) return []; // what is newer is asked about by itself
    show(said, problems, texts);
    view.contentDOM.setAttribute("aria-invalid", String(problems.some((problem) => problem.severity === "error")));
    return problems.map((problem) => diagnostic(doc, problem));
  };
  return { extension: linter(source, { delay: 400, tooltipFilter: () => [] }), said };
}

async function ask(kind, vocabulary, text, textarea) {
  const fields = textarea.form.elements;
  const token = fields.csrfmiddlewaretoken.value;
  const whose = { // which fields the other system has
    destination: vocabulary.destination,
    resource: fields.resource?.value ?? "",
    use_test: fields.use_test_credentials?.checked ?? false,
  };
  try {
    const response = await fetch(vocabulary.check_url, {
      method: "POST",
      headers: { "X-CSRFToken": token, Accept: "application/json" },
      body: new URLSearchParams({ kind, text, ...whose }),
    });
    if (!response.ok || response.redirected) return null;
    return (await response.json()).problems;
  } catch {
    return null; // the server is away: saving will tell
  }
}

/** In words below the editor, for everybody: a mark alone is no help to who cannot see it. */
function show(said, problems, texts) {
  said.replaceChildren(
    ...problems.map((problem) => {
      const line = document.createElement("span");
      line.className = `tracsync-said-${problem.severity}`;
      const place = document.createElement("strong");
      const kind = problem.severity === "warning" ? `${texts.warning} ` : "";
      place.textContent = `${kind}${filled(texts.place, problem)} `;
      const path = problem.path && problem.path !== "$" ? `${problem.path}: ` : "";
      line.append(place, path + sentence(problem.message));
      if (problem.hint) line.append(more(filled(texts.hint, problem)));
      else if (problem.expected.length) line.append(more(filled(texts.possible, { pieces: problem.expected.join(", ") })));
      return line;
    }),
  );
}

function more(text) {
  const element = document.createElement("span");
  element.className = "tracsync-hint";
  element.textContent = text;
  return element;
}

function sentence(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** The server counts characters, the editor counts UTF-16 units. */
function diagnostic(doc, problem) {
  const line = doc.line(Math.min(problem.line, doc.lines));
  const from = line.from + units(line.text, problem.column - 1);
  const end = doc.sliceString(from, Math.min(doc.length, from + 4 * problem.length));
  let to = from + units(end, problem.length);
  if (problem.length === 1) to = Math.max(to, wordEnd(line, from));
  return mark(doc, from, Math.min(to, doc.length), problem);
}

function units(text, characters) {
  return [...text].slice(0, characters).join("").length;
}

function wordEnd(line, from) {
  const word = /^[\p{L}\p{N}_]+/u.exec(line.text.slice(from - line.from));
  return from + (word ? word[0].length : 0);
}

/** At the end of the text there is nothing to underline: what stands before it is. */
function mark(doc, from, to, problem) {
  if (from >= to || !doc.sliceString(from, to).trim()) {
    to = from;
    while (to > 0 && !doc.sliceString(to - 1, to).trim()) to--;
    from = Math.max(0, to - 1);
  }
  return { from, to, severity: problem.severity, message: problem.message };
}
