// A list that goes on by itself: when its "more" link comes near the window's edge, the page behind the link is fetched and its items are added.
import { announce } from "./api.js";

export function endlessList() {
  const more = document.getElementById("more");
  if (!more) return;
  const observer = new IntersectionObserver(async (entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    if (await addNext()) endlessList();
  }, { rootMargin: "1200px" });
  observer.observe(more);
}

/** Whether the list was added to. If not, the link stays and can be followed by hand. */
async function addNext() {
  const more = document.getElementById("more");
  more.classList.add("loading");
  try {
    const response = await fetch(more.querySelector("a").href);
    if (!response.ok || response.redirected) return false;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const items = page.getElementById("items");
    if (!items) return false;
    const known = document.getElementById("items");
    const count = items.children.length;
    known.append(...items.children);
    const next = page.getElementById("more");
    if (next) more.replaceWith(next);
    else more.remove();
    announce(`Mais ${count} na lista.`);
    return true;
  } catch {
    return false;
  } finally {
    more.classList.remove("loading");
  }
}
