// What `item@` stands for at a place: the list of a profile whose items it goes through. There may be several
// around it, one within the other: `map(list, ...)` and `filter(list, ...)`, and a mapping's `$map`.

const MOST = 20_000; // characters that are looked at, before the place and after an object's beginning
const TOKEN = /"(?:[^"\\\n]|\\.)*"?|[{}[\],:]/g;
const LIST = /(profile|item)@((?:\[\\?"[^"]*\\?"\]|\[\d*\]|[\p{L}\p{N}_$-]|\.(?!\.))*)/u;

/** The path of the items below `profile@`, as in `orders.0`; null where it cannot be told. */
export function pathOfItems(expression, document, position) {
  const lists = [...listsOfCalls(expression), ...(document === null ? [] : listsOfMaps(document, position))];
  return lists.reverse().reduce(within, null);
}

/** The list that an expression names, whose `item@` is an item of the list around it. */
function within(around, expression) {
  const found = LIST.exec(expression);
  if (!found) return null;
  const [, source, path] = found;
  if (source === "profile") return `${path}.0`;
  if (around === null) return null;
  return path === "" ? `${around}.0` : `${around}${path.startsWith("[") ? "" : "."}${path}.0`;
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
  return calls.reverse().map((call) => expression.slice(call.from, call.to));
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
  return maps.filter((map) => map && !(map.from <= position && position <= map.to)).map((map) => map.value);
}

/** The value of `$map` among an object's own keys, wherever it stands there. */
function mapWithin(text, start) {
  let depth = 0;
  let key = "";
  let found = null;
  for (const { 0: token, index } of text.slice(start, start + MOST).matchAll(TOKEN)) {
    const at = start + index;
    if ("{[".includes(token)) depth++;
    if ("}]".includes(token) && depth-- === 0) break;
    if (depth > 0) continue;
    if (token === ":" && key === '"$map"') found = { from: at + 1, to: text.length };
    else if (token === "," && found) return closed(found, at, text);
    else if (token.startsWith('"')) key = token;
    if (found && "}]".includes(token)) return closed(found, at + 1, text);
  }
  return found && closed(found, Math.min(found.to, start + MOST), text);
}

function closed(found, to, text) {
  return { from: found.from, to, value: text.slice(found.from, to) };
}
