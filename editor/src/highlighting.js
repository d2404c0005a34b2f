// Names for colours, which tracsync/admin.css gives, for light and dark.

import { syntaxHighlighting } from "@codemirror/language";
import { Tag, tagHighlighter } from "@lezer/highlight";
import { tokenTable } from "./languages.js";

const KINDS = [
  ...["field", "string", "number", "constant", "keyword"],
  ...["function", "operator", "property", "punctuation"],
];
const classes = [];
for (const kind of KINDS) {
  const tag = Tag.define(kind);
  tokenTable[kind] = tag;
  classes.push({ tag, class: `tracsync-tok-${kind}` });
}

export const highlighting = syntaxHighlighting(tagHighlighter(classes));
