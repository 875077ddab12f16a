// Follow, ask to follow, and take either back, without leaving the page.
import { announce, call } from "./api.js";

const SAID = { following: "Agora você segue", requested: "Pedido enviado a", none: "Você não segue mais" };

export function followButtons() {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-follow]");
    if (!form) return;
    // On a profile the page changes with it (counts, photos of a private account): there the form does its work.
    if (form.closest(".profile")) return;
    event.preventDefault();
    follow(form);
  });
}

async function follow(form) {
  const button = form.querySelector("button");
  const username = form.dataset.follow;
  button.disabled = true;
  try {
    const method = button.dataset.relation === "none" ? "PUT" : "DELETE";
    const { relation } = await call(method, "/api/follow", { username });
    show(form, button, relation);
    announce(`${SAID[relation]} @${username}.`);
  } catch (error) {
    announce(error.message);
  } finally {
    button.disabled = false;
    button.focus();
  }
}

function show(form, button, relation) {
  const words = { following: "Deixar de seguir", requested: "Desfazer pedido", none: form.dataset.private === "yes" ? "Pedir para seguir" : "Seguir" };
  button.dataset.relation = relation;
  button.firstChild.textContent = words[relation];
  button.classList.toggle("primary", relation === "none");
  button.classList.toggle("secondary", relation !== "none");
  form.action = `/@${form.dataset.follow}/${relation === "none" ? "seguir" : "deixar"}`;
}
