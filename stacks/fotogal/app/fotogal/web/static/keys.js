// In the timeline: j and k go to the next and the previous photo, l likes the one in focus.
export function keys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    const cards = [...document.querySelectorAll(".card")];
    if (!cards.length) return;
    const at = cards.indexOf(document.activeElement.closest(".card"));
    if (event.key === "j") go(cards[Math.min(at + 1, cards.length - 1)]);
    if (event.key === "k") go(cards[Math.max(at - 1, 0)]);
    if (event.key === "l" && at >= 0) cards[at].querySelector("button.like").click();
  });
}

function go(card) {
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}
