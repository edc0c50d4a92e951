// How long the layout of the plan that is shown takes, and how long until one changed step is drawn, in ms.
async () => {
  const { laidOut, shapeOf } = await import("/ui/app/layout.js");
  const { run, signal } = window.__engine;
  const layouts = [0, 1, 2].map(() => laidOut(shapeOf(run, null), true).ms);
  const updates = [];
  for (let index = 0; index < 40; index += 1) {
    await new Promise((next) => requestAnimationFrame(next));
    const began = performance.now();
    run.touch(run.row(String(1 + index * 4))).state = index % 2 ? "running" : "done";
    run.version += 1;
    for (const listener of signal.listeners) listener();
    await new Promise((next) => setTimeout(next, 0));
    void document.body.offsetHeight;
    updates.push(performance.now() - began);
  }
  return [Math.min(...layouts), updates.sort((a, b) => a - b)[10]];
}
