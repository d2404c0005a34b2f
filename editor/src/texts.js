// What is said comes from the server, in the reader's language.

/** A text with values in the place of their {names}. */
export function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
