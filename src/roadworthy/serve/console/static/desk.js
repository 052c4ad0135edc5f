// One key a ruling. The page works without this file: every key stands for a button or a field that is there.
"use strict";
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select");
  if (event.ctrlKey && event.key === "Enter") {
    press("Ctrl+Enter");
    event.preventDefault();
  } else if (event.key === "Escape" && typing) {
    event.target.blur();
  } else if (!typing && !event.ctrlKey && !event.altKey && !event.metaKey && /^[rwxsu]$/.test(event.key)) {
    if (press(event.key)) event.preventDefault();
  }
});

function press(key) {
  const found = document.querySelector(`[data-key="${key}"]`);
  if (!found) return false;
  if (found.tagName === "BUTTON") found.click();
  else found.focus();
  return true;
}
