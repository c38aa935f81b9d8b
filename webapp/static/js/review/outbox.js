// Verdicts on their way to the server: in order, tried again until they are saved, kept over a reload of the tab.

import { isLater, postJson, wait } from "./net.js";

const STORE = "second-look-outbox";
const LONGEST_PAUSE = 15000;

/** Events: "change" (something was added, saved or failed), "saved" {entry, label}, "refused" {entry, code, detail}. */
export class Outbox extends EventTarget {
  constructor(url) {
    super();
    this.url = url; // of a claim's verdict, with CLAIM where the claim stands
    this.waiting = JSON.parse(sessionStorage.getItem(STORE) || "[]");
    this.sending = null;
    this.trouble = "";
    addEventListener("online", () => this.#wake?.());
    this.#run();
  }

  #wake;

  get size() {
    return this.waiting.length;
  }

  get claims() {
    return this.waiting.map((entry) => entry.claim);
  }

  add(entry) {
    this.waiting.push(entry);
    this.#keep();
    this.#run();
  }

  /** Take an entry back before it was sent. False when it is on its way or saved already. */
  withdraw(entry) {
    if (this.sending === entry || !this.waiting.includes(entry)) return false;
    this.waiting = this.waiting.filter((one) => one !== entry);
    this.#keep();
    return true;
  }

  #keep() {
    sessionStorage.setItem(STORE, JSON.stringify(this.waiting));
    this.dispatchEvent(new Event("change"));
  }

  async #run() {
    if (this.running) return;
    this.running = true;
    let pause = 1000;
    while (this.waiting.length) {
      this.sending = this.waiting[0];
      const settled = await this.#send(this.sending);
      this.sending = null;
      if (settled) {
        pause = 1000;
        continue;
      }
      this.dispatchEvent(new Event("change"));
      await Promise.race([wait(pause), new Promise((wake) => (this.#wake = wake))]);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
    this.running = false;
  }

  async #send(entry) {
    const { claim, verdict, defect_type, comment } = entry;
    try {
      const answer = await postJson(this.url.replace("CLAIM", claim), { verdict, defect_type, comment });
      if (isLater(answer.status)) {
        const away = answer.status === 401 || answer.status === 403;
        this.trouble = away ? "You are logged out. Log in in another tab; nothing is lost." : "The server is busy.";
        return false;
      }
      const body = await answer.json();
      this.trouble = "";
      this.#drop(entry);
      if (answer.ok) this.dispatchEvent(new CustomEvent("saved", { detail: { entry, label: body } }));
      else this.dispatchEvent(new CustomEvent("refused", { detail: { entry, ...body } }));
      return true;
    } catch {
      this.trouble = "The network is away.";
      return false;
    }
  }

  #drop(entry) {
    this.waiting = this.waiting.filter((one) => one !== entry);
    this.#keep();
  }
}
