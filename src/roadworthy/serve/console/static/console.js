// Keys and the way back to where one was. The pages work without this file: every key stands for a button, a field or a
// link that is there.
"use strict";

const KEYS = new Map();

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select");
  if (event.repeat && !typing) {
    return; // a finger that rests on a key would rule on question after question unseen
  } else if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
    if (!event.repeat && press("Ctrl+Enter")) event.preventDefault();
  } else if (event.key === "Escape" && typing) {
    event.target.blur();
  } else if (!typing && !event.ctrlKey && !event.altKey && !event.metaKey && event.key.length === 1) {
    if (press(event.key)) event.preventDefault();
  }
});

// A second press of the same key while the first one's page is on its way would rule on the next question unseen.
document.addEventListener("submit", (event) => {
  if (KEYS.has(event.target)) event.preventDefault();
  else if (event.target.matches("[data-once]")) KEYS.set(event.target, true);
});
addEventListener("pageshow", () => KEYS.clear());

function press(key) {
  const found = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
  if (!found) return false;
  if (found.matches("button, a")) found.click();
  else {
    found.focus();
    found.scrollIntoView({ block: "nearest" });
  }
  return true;
}
