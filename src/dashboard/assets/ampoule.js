// What pages gain from a script. Without it all of them work, but for this.
"use strict";

// A value that was shown is gone before anything can be gone back to.
addEventListener("pagehide", () => document.querySelectorAll("[data-value]").forEach((shown) => shown.remove()));

document.querySelectorAll("[data-copy]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy).textContent;
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy it by hand";
    }
    setTimeout(() => { button.textContent = label; }, 2000);
  });
});

document.querySelectorAll("[data-unmask]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => {
    const masked = document.getElementById(button.dataset.unmask).classList.toggle("masked");
    button.textContent = masked ? "Show what I type" : "Hide what I type";
    button.setAttribute("aria-pressed", String(!masked));
  });
});

// What containers print, as it comes.
document.querySelectorAll("[data-follow]").forEach(async (log) => {
  try {
    const answer = await fetch(log.dataset.follow, { headers: { "x-ampoule-poll": "1" } });
    if (!answer.ok) return;
    log.textContent = "";
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      // Now and then a NUL comes, which only keeps the connection.
      log.append(value.replaceAll("\0", ""));
      while (log.childNodes.length > 2000) log.firstChild.remove();
      log.scrollTop = log.scrollHeight;
    }
  } catch {
    log.append("\n(the connection ended: load the page anew)\n");
  }
});
