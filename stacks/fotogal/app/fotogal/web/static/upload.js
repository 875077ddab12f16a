// Publishing: drag and drop, a look at the photo before it is sent, progress, and the server's answer beside the field.
import { announce, csrfToken } from "./api.js";

const MAX_BYTES = 16 * 1024 * 1024;
const TYPES = ["image/png", "image/jpeg", "image/gif"];

export function upload() {
  const form = document.querySelector("form[data-upload]");
  if (form) new Upload(form);
}

class Upload {
  constructor(form) {
    this.form = form;
    this.input = form.querySelector('input[type="file"]');
    this.drop = form.querySelector(".drop");
    this.preview = form.querySelector("[data-preview]");
    this.error = form.querySelector("[data-error]");
    this.progress = form.querySelector("[data-progress]");
    this.cancel = form.querySelector("[data-cancel]");
    form.querySelector("[data-drag-hint]").hidden = !matchMedia("(pointer: fine)").matches;
    this.input.addEventListener("change", () => this.choose());
    this.cancel.addEventListener("click", () => this.request?.abort());
    form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.listenForDrops();
    this.choose();
  }

  listenForDrops() {
    // The whole page takes the file: one that misses the frame would replace the page.
    addEventListener("dragover", (event) => { event.preventDefault(); this.drop.classList.add("over"); });
    addEventListener("dragleave", (event) => { if (!event.relatedTarget) this.drop.classList.remove("over"); });
    addEventListener("drop", (event) => {
      event.preventDefault();
      this.drop.classList.remove("over");
      if (this.request || !event.dataTransfer.files.length) return;
      const one = new DataTransfer();
      one.items.add(event.dataTransfer.files[0]);
      this.input.files = one.files;
      this.choose();
    });
  }

  /** Shows the chosen photo, or what is wrong with it before a byte is sent. The server decides all the same. */
  choose() {
    URL.revokeObjectURL(this.preview.src);
    this.show("");
    const [file] = this.input.files;
    const problem = file ? problemOf(file) : "";
    this.preview.hidden = !file || Boolean(problem);
    this.drop.classList.toggle("chosen", !this.preview.hidden);
    if (problem) { this.input.value = ""; this.show(problem); return; }
    if (!file) return;
    this.preview.src = URL.createObjectURL(file);
    announce(`Foto escolhida: ${file.name}`);
  }

  send() {
    if (this.request || !this.input.files.length) return;
    this.show("");
    this.busy(true);
    const request = this.request = new XMLHttpRequest();
    request.open("POST", this.form.dataset.upload);
    request.setRequestHeader("X-CSRF-Token", csrfToken());
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => this.advance(event));
    request.addEventListener("load", () => this.answered(request));
    request.addEventListener("error", () => this.failed("A conexão caiu. Tente de novo: a foto não será publicada duas vezes."));
    request.addEventListener("abort", () => this.failed("Envio cancelado."));
    request.send(new FormData(this.form));
  }

  advance(event) {
    if (!event.lengthComputable) return;
    const percent = Math.round((event.loaded / event.total) * 100);
    this.progress.querySelector("progress").value = percent;
    this.progress.querySelector("output").textContent = `${percent}%`;
    if (percent === 100) this.progress.querySelector("label").textContent = "Preparando a foto";
  }

  answered(request) {
    if (request.status === 201) window.location.assign(`/foto/${request.response.id}?feito=publicada`);
    else if (request.status === 401) window.location.assign("/entrar?next=/publicar");
    else this.failed(request.response?.error ?? "Não deu certo. Tente de novo.");
  }

  failed(message) {
    this.request = null;
    this.busy(false);
    this.show(message);
  }

  busy(isBusy) {
    this.form.querySelector("button.primary").disabled = isBusy;
    this.progress.hidden = this.cancel.hidden = !isBusy;
    this.progress.querySelector("progress").value = 0;
    this.progress.querySelector("label").textContent = "Enviando a foto";
  }

  show(message) {
    this.error.querySelector("span").textContent = message;
    this.error.hidden = !message;
    this.error.parentElement.classList.toggle("wrong", Boolean(message));
  }
}

function problemOf(file) {
  if (file.size > MAX_BYTES) return "A foto tem mais de 16 MB. Escolha uma menor.";
  if (file.type && !TYPES.includes(file.type)) return "Este arquivo não é uma foto PNG, JPEG ou GIF.";
  return "";
}
