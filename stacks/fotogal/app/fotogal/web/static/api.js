// Calls of the JSON API, and the line that screen readers read out.

export const csrfToken = () => document.querySelector('meta[name="csrf-token"]')?.content ?? "";

/** The answer of the API. Throws an Error with a sentence for the visitor. */
export async function call(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { "Content-Type": "application/json", "X-CSRF-Token": csrfToken() },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("Sem conexão. Tente de novo.");
  }
  if (response.status === 401) window.location.assign("/entrar");
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? "Não deu certo. Tente de novo.");
  return answer;
}

/** Says `text` to screen readers; the same text again is said again. */
export function announce(text) {
  const announcer = document.getElementById("announcer");
  announcer.textContent = "";
  requestAnimationFrame(() => { announcer.textContent = text; });
}
