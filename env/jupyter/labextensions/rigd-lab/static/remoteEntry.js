// Launcher entries of JupyterLab: each opens a new notebook, copied from one of notebooks/ without its outputs.
// Written by hand and loaded as it stands: there is no build. It asks Lab for nothing but its own modules.
"use strict";
(() => {
  const NAME = "rigd-lab";
  const TEMPLATES = "notebooks";
  const FOLDER = "runs/research";
  const KERNEL = { name: "rigd-research", display_name: "rigd research", language: "python" };
  // Before the entries of the kernels, whose ranks begin at 0.
  const ENTRIES = [
    { template: "backtest", label: "New backtest", rank: -5 },
    { template: "sweep", label: "New sweep", rank: -4 },
    { template: "optimize", label: "New optimisation", rank: -3 },
    { template: "tune", label: "New tuning", rank: -2 },
    { template: "review", label: "Review a session", rank: -1 },
  ];
  const ICON = "data:image/svg+xml," + encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="5" fill="#10243e"/>' +
    '<path d="M5 23l7-7 5 4 10-12" fill="none" stroke="#4cc38a" stroke-width="3" stroke-linecap="round" ' +
    'stroke-linejoin="round"/><path d="M5 28h22" stroke="#8fa6c4" stroke-width="2" stroke-linecap="round"/></svg>');
  let scope;

  // One of Lab's own modules, from the scope that it shares with its extensions.
  const shared = async (name) => {
    const versions = Object.values(scope[name] ?? {});
    if (!versions.length) throw new Error(`JupyterLab must share ${name}, it does not`);
    return (await versions[0].get())();
  };

  const listed = async (contents, folder) => (await contents.get(folder, { content: true })).content;

  // The first free name such as backtest-3.ipynb.
  const freeName = async (contents, stem) => {
    const taken = new Set((await listed(contents, FOLDER)).map((item) => item.name));
    let number = 1;
    while (taken.has(`${stem}-${number}.ipynb`)) number += 1;
    return `${FOLDER}/${stem}-${number}.ipynb`;
  };

  const withoutOutputs = (notebook) => ({
    ...notebook,
    metadata: { kernelspec: KERNEL, language_info: { name: "python" } },
    cells: notebook.cells.map((cell) =>
      cell.cell_type === "code" ? { ...cell, outputs: [], execution_count: null } : cell),
  });

  const openNew = async (app, { template }) => {
    const contents = app.serviceManager.contents;
    const { content } = await contents.get(`${TEMPLATES}/${template}.ipynb`, { content: true });
    const path = await freeName(contents, template);
    await contents.save(path, { type: "notebook", format: "json", content: withoutOutputs(content) });
    return app.commands.execute("docmanager:open", { path, factory: "Notebook", kernel: { name: KERNEL.name } });
  };

  const activate = async (app, launcher) => {
    const found = new Set((await listed(app.serviceManager.contents, TEMPLATES)).map((item) => item.name));
    for (const entry of ENTRIES.filter(({ template }) => found.has(`${template}.ipynb`))) {
      const command = `rigd:new-${entry.template}`;
      app.commands.addCommand(command, {
        label: entry.label,
        caption: `A new notebook from ${TEMPLATES}/${entry.template}.ipynb, in ${FOLDER}/`,
        iconClass: "jp-NotebookIcon",
        execute: () => openNew(app, entry),
      });
      launcher.add({ command, category: "Notebook", rank: entry.rank, kernelIconUrl: ICON });
    }
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB[NAME] = {
    init: async (given) => {
      scope = given;
    },
    get: async () => {
      const { ILauncher } = await shared("@jupyterlab/launcher");
      const plugin = {
        id: `${NAME}:launcher`,
        description: "Opens new notebooks from the repository's own.",
        autoStart: true,
        requires: [ILauncher],
        activate,
      };
      return () => ({ __esModule: true, default: plugin });
    },
  };
})();
