// The two languages as far as colours and brackets need them; what is right and wrong is for the server.

import { StreamLanguage } from "@codemirror/language";

const STRING = /^"(?:[^"\\]|\\.)*"?|^'(?:[^'\\]|\\.)*'?/;
const ESCAPED_STRING = /^\\"(?:[^"\\]|\\[^"])*(?:\\")?|^'(?:[^'"\\]|\\.)*'?/;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?(?:[a-z]+)?/i;
const WORD = /^[\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}\p{N}_]+)*/u;
const COMPARISON = /^(?:==|!=|<>|<=|=<|>=|=>|=|<|>)/;
const CONDITION_KEYS = new Set(["$formula", "$if", "where"]);
const DIRECTIVES = new Set(["$formula", "$if", "$lookup", "$map", "$literal"]);

/** What begins a field: `profile@` and what follows it; in JSON quotes are escaped. */
function fieldPattern(sources, quote) {
  const bracket = `\\[${quote}(?:[^"\\\\]|\\\\[^"])*?${quote}\\]|\\[\\d*\\]`;
  return new RegExp(`^(?:${sources.join("|")})@(?:${bracket}|[\\p{L}\\p{N}_.$\\\\-])*`, "u");
}

/** What depends on the names that `as` gives, made once for each set of them. */
function forNames(make) {
  const made = new Map();
  return (names) => {
    const key = names.join("|");
    if (!made.has(key)) made.set(key, make(names));
    return made.get(key);
  };
}

function notation(vocabulary, { field, string }) {
  const keywords = new Set(vocabulary.keywords);
  const functions = new Set(vocabulary.functions.map((one) => one.name));
  const constants = new Set(["TRUE", "FALSE", "NULL"]);
  return (stream) => {
    if (stream.match(field)) return "field";
    if (stream.match(string)) return "string";
    if (stream.match(NUMBER)) return "number";
    if (stream.match(COMPARISON)) return "operator";
    const word = stream.match(WORD);
    if (!word) {
      stream.next();
      return "punctuation";
    }
    const upper = word[0].toUpperCase();
    if (constants.has(upper)) return "constant";
    if (keywords.has(upper)) return "keyword";
    return functions.has(word[0].toLowerCase()) ? "function" : null;
  };
}

const tokenTable = {}; // filled by highlighting.js with this editor's own tags
export { tokenTable };

export function condition(vocabulary) {
  const sources = [...vocabulary.sources, "item", "loop"];
  const token = notation(vocabulary, { field: fieldPattern(sources, '"'), string: STRING });
  return StreamLanguage.define({
    name: "condition",
    token: (stream) => (stream.eatSpace() ? null : token(stream)),
    tokenTable,
    languageData: { closeBrackets: { brackets: ["(", "[", '"', "'"] } },
  });
}

/** JSON in whose strings there are fields, and conditions and formulas under the keys that hold them. */
export function mapping(vocabulary) {
  const sources = [...vocabulary.sources, "item", "loop"];
  const innerFor = forNames((names) =>
    notation(vocabulary, { field: fieldPattern([...sources, ...names], '\\\\"'), string: ESCAPED_STRING }),
  );
  const referenceFor = forNames(
    (names) => new RegExp(`^\`?(?:${[...sources, ...names].join("|")})@(?:[^"\\\\]|\\\\.)*`, "u"),
  );

  function inString(stream, state) {
    if (stream.sol() || stream.peek() === '"') {
      // JSON strings end with their line at the latest.
      const closes = stream.eat('"');
      state.string = "";
      return closes ? state.style : null;
    }
    if (state.string === "condition") return stream.eatSpace() ? null : innerFor(state.names)(stream);
    if (state.fresh && stream.match(referenceFor(state.names))) return "field";
    state.fresh = false;
    if (stream.match(/^\{\{[^{}"]*\}\}/)) return "field";
    if (!stream.match(/^(?:[^"\\{]|\\.|\{(?!\{))+/)) stream.next();
    return "string";
  }

  function begin(stream, state) {
    const isKey = state.open.at(-1) === "{" && state.wantsKey;
    if (isKey) {
      const key = stream.match(/^"((?:[^"\\]|\\.)*)"?/);
      state.key = key[1];
      return DIRECTIVES.has(key[1]) ? "keyword" : "property";
    }
    const name = state.key === "as" && stream.match(/^"([\p{L}_][\p{L}\p{N}_]*)"/u);
    if (name) {
      if (!state.names.includes(name[1])) state.names = [...state.names, name[1]];
      return "string";
    }
    stream.next();
    state.string = CONDITION_KEYS.has(state.key) ? "condition" : "text";
    state.style = "string";
    state.fresh = true;
    return "string";
  }

  return StreamLanguage.define({
    name: "mapping",
    startState: () => ({ open: [], wantsKey: false, key: "", string: "", style: "", fresh: false, names: [] }),
    copyState: (state) => ({ ...state, open: [...state.open] }),
    token(stream, state) {
      if (state.string) return inString(stream, state);
      if (stream.eatSpace()) return null;
      const next = stream.peek();
      if (next === '"') return begin(stream, state);
      if (stream.match(NUMBER)) return "number";
      if (stream.match(/^(?:true|false|null)\b/)) return "constant";
      stream.next();
      if ("{[".includes(next)) {
        state.open.push(next);
        state.wantsKey = next === "{";
        state.key = "";
      } else if ("}]".includes(next)) {
        state.open.pop();
        state.wantsKey = false;
      } else if (next === ",") {
        state.wantsKey = state.open.at(-1) === "{";
        state.key = "";
      } else if (next === ":") {
        state.wantsKey = false;
      }
      return "punctuation";
    },
    indent(state, textAfter, context) {
      const closes = /^\s*[}\]]/.test(textAfter) ? 1 : 0;
      return Math.max(0, state.open.length - closes) * context.unit;
    },
    tokenTable,
    languageData: {
      closeBrackets: { brackets: ["{", "[", '"'] },
      indentOnInput: /^\s*[}\]]$/,
    },
  });
}
