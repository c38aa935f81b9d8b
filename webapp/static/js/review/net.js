// Requests of the workbench with CSRF token, time limit and the page's owner.

const LIMIT = 20000;
const person = document.getElementById("workbench").dataset.person;

/** Return the cookie's token, which stays valid after a login in another tab. */
export function csrf() {
	return document.cookie.match(/\bcsrftoken=(\w+)/)?.[1] || document.querySelector("[name=csrfmiddlewaretoken]").value;
}

function send(url, body, headers = {}) {
	// The server refuses the request if another user has logged in in another tab.
	headers = { ...headers, "X-CSRFToken": csrf(), "X-Reviewer": person };
	return fetch(url, { method: "POST", body, headers, signal: AbortSignal.timeout(LIMIT) });
}

/** Send a form (an object; lists become repeated fields). Null without a login or an answer in time. */
export async function postForm(url, fields) {
	const body = new URLSearchParams();
	for (const [name, value] of Object.entries(fields)) for (const item of [value].flat()) body.append(name, item);
	const answer = await send(url, body).catch(() => null);
	return answer?.redirected ? null : answer;
}

/** Send JSON. Throws without an answer in time. */
export function postJson(url, value) {
	return send(url, JSON.stringify(value), { "Content-Type": "application/json" });
}

/** True for a status to retry: the server or the login failed, not the request. */
export function isLater(status) {
	return status >= 500 || [401, 403, 408, 429].includes(status);
}

/** Wait; `wakes` gets a function that ends the wait early. */
export function wait(milliseconds, wakes) {
	return new Promise((done) => {
		wakes?.(done);
		setTimeout(done, milliseconds);
	});
}
