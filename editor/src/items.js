// What `item@` stands for at a place: the list of a profile whose items it goes through. There may be several
// around it, one within the other: `map(list, ...)` and `filter(list, ...)`, and a mapping's `$map`, whose items may
// have a name (`as`).

const MOST = 20_000; // characters that are looked at, before the place and after an object's beginning
const TOKEN = /"(?:[^"\\\n]|\\.)*"?|[{}[\],:]/g;
const LIST = /([\p{L}_][\p{L}\p{N}_]*)@((?:\[\\?"[^"]*\\?"\]|\[\d*\]|[\p{L}\p{N}_$-]|\.(?!\.))*)/u;

/** The path of the items below `profile@`, as in `orders.0`, and that of each name around; null where it cannot be told. */
export function itemsAround(expression, document, position) {
  const lists = [...listsOfCalls(expression), ...(document === null ? [] : listsOfMaps(document, position))];
  const around = { inside: lists.length > 0, path: null, names: new Map() };
  for (const { value, name } of lists.reverse()) {
    around.path = within(around, value);
    if (name) around.names.set(name, around.path);
  }
  return around;
}

/** The items of the list that an expression names, which may be in an item of a list around it. */
function within(around, expression) {
  const found = LIST.exec(expression);
  if (!found) return null;
  const [, source, path] = found;
  if (source === "profile") return `${path}.0`;
  const above = source === "item" ? around.path : (around.names.get(source) ?? null);
  if (above === null) return null;
  return path === "" ? `${above}.0` : `${above}${path.startsWith("[") ? "" : "."}${path}.0`;
}

/** The first arguments of the `map` and `filter` whose second one the expression ends in, innermost first. */
function listsOfCalls(expression) {
  const open = [];
  let quote = "";
  for (let at = 0; at < expression.length; at++) {
    const character = expression[at];
    if (quote) {
      if (character === "\\") at++;
      else if (character === quote) quote = "";
    } else if (character === '"' || character === "'") quote = character;
    else if (character === "(") open.push({ name: /\w*$/.exec(expression.slice(0, at))[0], from: at + 1 });
    else if (character === ")") open.pop();
    else if (character === "," && open.length) open.at(-1).to ??= at;
  }
  const calls = open.filter((call) => call.to && ["map", "filter"].includes(call.name.toLowerCase()));
  return calls.reverse().map((call) => ({ value: expression.slice(call.from, call.to), name: "" }));
}

/** What the `$map` of each object around a place goes through, innermost first. */
function listsOfMaps(text, position) {
  const from = Math.max(0, position - MOST);
  const open = [];
  for (const { 0: token, index } of text.slice(from, position).matchAll(TOKEN)) {
    if (token === "{") open.push(from + index + 1);
    else if (token === "}") open.pop();
  }
  const maps = open.reverse().map((start) => mapWithin(text, start));
  return maps.filter((map) => map && !(map.from <= position && position <= map.to));
}

/** The value of `$map` among an object's own keys, wherever it stands there, and the name that `as` gives. */
function mapWithin(text, start) {
  const own = ownValues(text, start);
  const map = own.get('"$map"');
  if (!map) return null;
  const as = own.get('"as"');
  const name = as ? (/"([^"]*)"/.exec(text.slice(as.from, as.to))?.[1] ?? "") : "";
  return { ...map, value: text.slice(map.from, map.to), name };
}

/** Where the values of an object's own keys stand. */
function ownValues(text, start) {
  const values = new Map();
  const end = Math.min(text.length, start + MOST);
  let depth = 0;
  let key = "";
  let from = null;
  const close = (to) => {
    if (from !== null) values.set(key, { from, to });
    from = null;
  };
  for (const { 0: token, index } of text.slice(start, end).matchAll(TOKEN)) {
    const at = start + index;
    if ("{[".includes(token)) depth++;
    else if ("}]".includes(token) && depth-- === 0) {
      close(at);
      break;
    } else if (depth > 0) continue;
    else if (token === ":") from = at + 1;
    else if (token === ",") close(at);
    else if (token.startsWith('"') && from === null) key = token;
  }
  close(end);
  return values;
}

/** The keys of the objects around a place, outermost first; those of lists' items are told as if there were no list. */
export function keysAround(text, position) {
  const open = [];
  let key = "";
  let last = "";
  for (const { 0: token } of text.slice(Math.max(0, position - MOST), position).matchAll(TOKEN)) {
    if (token.startsWith('"')) last = token;
    else if (token === ":") key = last.replace(/^"|"$/g, "");
    else if ("{[".includes(token)) {
      open.push(key);
      key = "";
    } else if (token === ",") key = "";
    else open.pop();
  }
  return open.filter(Boolean);
}
