// Like and dislike without leaving the page. What is shown at once is corrected by what the API answers.
import { announce, call } from "./api.js";

const format = new Intl.NumberFormat("pt-BR");

export function reactionButtons() {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-react]");
    if (!form || !event.submitter) return;
    event.preventDefault();
    react(form, event.submitter);
  });
}

async function react(form, button) {
  if (form.dataset.busy) return;
  form.dataset.busy = "yes";
  const kind = button.dataset.reaction;
  const wasPressed = button.getAttribute("aria-pressed") === "true";
  show(form, wasPressed ? null : kind);
  try {
    const tally = await call(wasPressed ? "DELETE" : "PUT", `/api/image/${kind}`, { image_id: form.dataset.react });
    show(form, tally.mine);
    count(form, "like", tally.likes);
    count(form, "dislike", tally.dislikes);
    announce(tally.mine === "like" ? "Você curtiu." : tally.mine === "dislike" ? "Você não curtiu." : "Reação desfeita.");
  } catch (error) {
    show(form, wasPressed ? kind : null);
    announce(error.message);
  } finally {
    delete form.dataset.busy;
  }
}

function show(form, mine) {
  for (const button of form.querySelectorAll("button[data-reaction]")) {
    const isMine = button.dataset.reaction === mine;
    button.setAttribute("aria-pressed", String(isMine));
    button.value = isMine ? "none" : button.dataset.reaction;
    button.classList.toggle("fresh", isMine);
  }
}

function count(form, kind, number) {
  form.querySelector(`[data-reaction="${kind}"] [data-count]`).textContent = format.format(number);
}
