// A Bokeh figure that grows: BokehJS comes from the panel's own static folder, points by messages.
let loading;

function bokeh(url) {
  if (window.Bokeh) return Promise.resolve(window.Bokeh);
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.Bokeh);
    script.onerror = () => reject(new Error(`${url} could not be loaded`));
    document.head.append(script);
  });
  return loading;
}

function render({ model, el }) {
  el.classList.add("rigd-chart");
  let drawn;

  async function snapshot(item) {
    const Bokeh = await bokeh(model.get("bokeh_url"));
    drawn?.clear?.();
    const root = document.createElement("div");
    el.replaceChildren(root);
    const views = await Bokeh.embed.embed_item(item, root);
    drawn = views.roots?.[0] ?? [...views][0] ?? views;
    el.dataset.drawn = "yes";
  }

  function grow(points) {
    const doc = (drawn?.model ?? drawn)?.document;
    for (const [name, columns] of Object.entries(points)) {
      doc?.get_model_by_name(name)?.stream(columns, model.get("rollover"));
    }
  }

  const told = (message) => {
    if (message.kind === "snapshot") {
      snapshot(message.item).catch((error) => {
        el.dataset.drawn = "no";
        el.textContent = `chart: ${error.message}`;
      });
    } else if (message.kind === "points") {
      grow(message.points);
    }
  };
  model.on("msg:custom", told);
  model.send({ kind: "ready" });
  return () => model.off("msg:custom", told);
}

export default { render };
