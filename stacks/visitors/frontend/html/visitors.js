"use strict";

const form = document.getElementById("form");
const field = document.getElementById("name");
const errorText = document.getElementById("error");
const list = document.getElementById("list");
const empty = document.getElementById("empty");
const more = document.getElementById("more");

// What the API says, in the page's language.
const MESSAGES = {
  413: "O nome é grande demais.",
  422: "Escreva um nome de 1 a 200 caracteres.",
  502: "O servidor não responde. Tente de novo daqui a pouco.",
  503: "O banco de dados não responde. Tente de novo daqui a pouco.",
};

let nextPage = null;

async function call(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch {
    throw new Error(MESSAGES[502]);
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Error(MESSAGES[answer.status] || body.error || `Erro ${answer.status}`);
  }
  return { body, next: nextOf(answer.headers.get("Link")) };
}

function nextOf(link) {
  const found = /<([^>]+)>; rel="next"/.exec(link || "");
  return found ? found[1] : null;
}

function row(visitor) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = visitor.name;
  const time = document.createElement("time");
  time.dateTime = visitor.created_at;
  time.textContent = new Date(visitor.created_at).toLocaleString("pt-BR", { dateStyle: "short", timeStyle: "short" });
  item.append(name, time);
  return item;
}

function show(error) {
  errorText.textContent = error ? error.message : "";
  errorText.hidden = !error;
  field.setAttribute("aria-invalid", error ? "true" : "false");
}

async function load(url) {
  try {
    const { body, next } = await call(url);
    if (!url.includes("before=")) list.replaceChildren();
    list.append(...body.map(row));
    nextPage = next;
    more.hidden = !next;
    empty.hidden = list.childElementCount > 0;
  } catch (error) {
    show(error);
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  show(null);
  try {
    await call("/api/visitors", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: field.value }),
    });
    field.value = "";
    await load("/api/visitors");
  } catch (error) {
    show(error);
  }
  field.focus();
});

more.addEventListener("click", () => load(nextPage));

load("/api/visitors");
