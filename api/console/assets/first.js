// Says so if a module of the console cannot be loaded, or does not fit the others. It is loaded first, not as a module.

{
  const element = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };

  const say = () => {
    // Once the console has begun, this element is gone. Later errors are not errors of loading.
    const loading = document.getElementById("loading");
    if (!loading) return;
    const button = element("button", { type: "button" }, "Reload");
    button.addEventListener("click", () => location.reload());
    const why = element("p", {}, "One of its files did not arrive: the connection changed or broke, or the farm was just replaced by another release.");
    loading.replaceWith(element("h1", {}, "The console could not be loaded"), element("div", { class: "note undecided", role: "alert" }, why, button));
  };

  // The event of a failure to load does not bubble, so it is captured.
  addEventListener("error", say, true);
}
