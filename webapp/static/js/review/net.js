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

/** Send a form (an object; lists become repeated fields). Null when the network or the login is away, or too slow. */
export async function postForm(url, fields) {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) body.append(name, one);
  const answer = await send(url, body).catch(() => null);
  return answer?.redirected ? null : answer;
}

/** Send JSON. Throws when the network is away or too slow. */
export function postJson(url, value) {
  return send(url, JSON.stringify(value), { "Content-Type": "application/json" });
}

/** Whether an answer says "later": the server or the login is away, not the request wrong. */
export function isLater(status) {
  return status >= 500 || [401, 403, 408, 429].includes(status);
}

/** Wait so long, or until somebody calls the function that `wakes` is given. */
export function wait(milliseconds, wakes) {
  return new Promise((done) => {
    wakes?.(done);
    setTimeout(done, milliseconds);
  });
}
