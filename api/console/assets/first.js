// Loaded before all else, and no module: it says so if a module of the console cannot be loaded, or does not fit the others.

{
  const element = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };

  const say = () => {
    // Once the console has begun, this is gone, and later errors are not about loading.
    const loading = document.getElementById("loading");
    if (!loading) return;
    const button = element("button", { type: "button" }, "Reload");
    button.addEventListener("click", () => location.reload());
    const why = element("p", {}, "One of its files did not arrive: the connection changed or broke, or the farm was just replaced by another release.");
    loading.replaceWith(element("h1", {}, "The console could not be loaded"), element("div", { class: "note undecided", role: "alert" }, why, button));
  };

  // A failure to load does not bubble.
  addEventListener("error", say, true);
}
