// Files and texts that leave the page: downloads, and the clipboard.

import { h } from "./dom.js";

/** Make the browser save texts or blobs (`parts`) as one file. */
export function save(name, parts, type) {
  const address = URL.createObjectURL(new Blob(parts, { type }));
  h("a", { href: address, download: name }).click();
  // The address is revoked only later, because the browser has to begin to read it first.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

async function copy(text) {
  // A browser gives pages a clipboard only over HTTPS or on this host.
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const box = h("textarea", { "aria-hidden": "true", class: "heard" });
  box.value = text;
  document.body.append(box);
  box.select();
  document.execCommand("copy");
  box.remove();
}

/** Return a button that copies `text()` and says so. If `text()` is null, the button says "Too long for a link". */
export function copier(label, text) {
  const word = h("span", { role: "status" }, label);
  const button = h("button", { type: "button", class: "small" }, word);
  button.addEventListener("click", async () => {
    const copied = text();
    try {
      if (copied !== null) await copy(copied);
      word.textContent = copied === null ? "Too long for a link" : "Copied";
    } catch {
      word.textContent = "The browser refuses to copy";
    }
    setTimeout(() => (word.textContent = label), 2000);
  });
  return button;
}
