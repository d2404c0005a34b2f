// What the rows of a page share: fields of profiles and of the other system to choose from, and the profile beside the form.

import { Suggestions } from "./elements.js";
import { filled } from "./texts.js";

const OFFERED = 6; // fields that are not used yet

export class Tools {
  constructor(vocabulary) {
    this.vocabulary = vocabulary;
    this.known = new Map(); // fields of profiles that were asked for, by their path
    this.fields = new Suggestions("tracsync-fields");
    this.targets = new Suggestions("tracsync-targets");
    this.values = new Suggestions("tracsync-values");
    this.result = document.getElementById("preview-result");
    this.mayCount = this.result !== null; // who may see profiles has the preview
    this.answers = new Map();
  }

  /** Suggests fields of profiles, as they are found by any part of their path. */
  suggestFields(input) {
    if (this.mayCount) this.fields.offer(input, (typed) => this.find(typed));
  }

  async find(typed) {
    if (this.answers.has(typed)) return this.answers.get(typed);
    const answer = await this.asked(typed);
    if (answer) this.answers.set(typed, answer);
    return answer ?? []; // the server is away: there are just no suggestions, until it is back
  }

  /** Null where the server did not answer. */
  async asked(typed) {
    try {
      const response = await fetch(`${this.vocabulary.paths_url}?${new URLSearchParams({ find: typed })}`);
      if (!response.ok || response.redirected) return null;
      const { paths, profiles } = await response.json();
      for (const one of paths) this.known.set(one.path, one);
      const seen = (one) => (one.everywhere ? [] : [filled(this.vocabulary.texts.seen, { seen: one.seen, profiles })]);
      return paths.map((one) => [one.path, [...one.kinds, ...seen(one)].join(", ")]);
    } catch {
      return null;
    }
  }

  /** The type of what profiles have there: "text", "number" or "boolean"; "" where that is not known. */
  async typeOf(path) {
    if (!this.known.has(path) && path && this.mayCount) await this.find(path);
    return this.known.get(path)?.type ?? "";
  }

  /** Suggests fields of the other system within an object, `above` being its keys. */
  suggestTargets(input, above) {
    const prefix = above.map((key) => `${key}.`).join("");
    const within = this.vocabulary.targets.filter((one) => one.name.startsWith(prefix));
    if (within.length) this.targets.offer(input, () => within.map((one) => [one.name.slice(prefix.length), one.detail]));
  }

  /** The first fields of the other system that none of the `keys` of an object names yet. */
  unused(keys, above) {
    const prefix = above.map((key) => `${key}.`).join("");
    const within = this.vocabulary.targets.filter((one) => one.name.startsWith(prefix));
    const names = new Set(within.map((one) => one.name.slice(prefix.length).split(".")[0]));
    return [...names].filter((name) => !keys.includes(name)).slice(0, OFFERED);
  }

  /** Suggests the values that a field of the other system takes. */
  suggestValues(input, name) {
    const choices = this.vocabulary.targets.find((one) => one.name === name())?.choices ?? [];
    if (choices.length) this.values.offer(input, () => choices.map((one) => [one, ""]));
  }

  /** The profile of the preview, if one is shown. */
  profile() {
    return this.result?.firstElementChild?.dataset.profile ?? "";
  }

  onProfile(act) {
    let last = this.profile();
    if (!this.result) return;
    new MutationObserver(() => {
      if (this.profile() === last) return;
      last = this.profile();
      act();
    }).observe(this.result, { childList: true });
  }
}
