// Requests of the workbench, each with the CSRF token, a time limit, and whom the page belongs to.

const LIMIT = 20000;
const person = document.getElementById("workbench").dataset.person;

/** The token of the cookie: it stays right when the person logs in anew in another tab. */
export function csrf() {
  const cookie = document.cookie.split("; ").find((one) => one.startsWith("csrftoken="));
  return cookie ? cookie.slice("csrftoken=".length) : document.querySelector("[name=csrfmiddlewaretoken]").value;
}

function send(url, body, headers = {}) {
  // Somebody else who logged in in another tab must not speak for this person: the server compares.
  const all = { ...headers, "X-CSRFToken": csrf(), "X-Reviewer": person };
  return fetch(url, { method: "POST", body, headers: all, signal: AbortSignal.timeout(LIMIT) });
}

/** Send a form (an object; lists become repeated fields). Throws when the network is away or too slow. */
export function postForm(url, fields = {}) {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) body.append(name, one);
  return send(url, body);
}

/** Send JSON. Throws as postForm does. */
export function postJson(url, value) {
  return send(url, JSON.stringify(value), { "Content-Type": "application/json" });
}

/** Whether an answer says "later": the server or the login is away, not the request wrong. */
export function isLater(status) {
  return status >= 500 || status === 401 || status === 403 || status === 408 || status === 429;
}

export function wait(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}
