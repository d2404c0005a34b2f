// Paths that real profiles have, asked for below what has been typed.

const MOST_KEPT = 200;

export class Paths {
  constructor(url) {
    this.url = url;
    this.kept = new Map();
  }

  /** `{paths, more}`; nothing where the server does not answer: then there are just no suggestions. */
  async below(typed) {
    if (this.kept.has(typed)) return this.kept.get(typed);
    let answer;
    try {
      const response = await fetch(`${this.url}?${new URLSearchParams({ below: typed })}`, {
        headers: { Accept: "application/json" },
      });
      if (!response.ok || response.redirected) return { paths: [], more: true };
      answer = await response.json();
    } catch {
      return { paths: [], more: true };
    }
    if (this.kept.size >= MOST_KEPT) this.kept.clear();
    this.kept.set(typed, answer);
    return answer;
  }
}
