// What a reader of the page could stumble over: overflow, low contrast, controls without names, ids twice.
() => {
  const found = [];
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const behind = (element) => {
    let colour = [255, 255, 255];
    const chain = [];
    for (let at = element; at; at = at.parentElement) chain.unshift(at);
    for (const at of chain) {
      const [r, g, b, a] = rgba(getComputedStyle(at).backgroundColor);
      colour = [r, g, b].map((value, index) => value * a + colour[index] * (1 - a));
    }
    return colour;
  };
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && element.getBoundingClientRect().width > 2;
  if (document.documentElement.scrollWidth > innerWidth + 1) found.push(`the page is ${document.documentElement.scrollWidth} wide in ${innerWidth}`);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !seen(element) || element.closest(".unseen, :disabled, .s-skipped, .s-cancelled, .s-discarded, option, .skip, .far")) continue;
    const [a, b] = [luminance(rgba(getComputedStyle(element).color)), luminance(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(2)}: ${node.data.trim().slice(0, 40)} (${element.className || element.tagName})`);
  }
  const name = (element) => element.getAttribute("aria-label") || element.labels?.[0]?.textContent || element.textContent.trim() || element.title;
  for (const element of document.querySelectorAll("button, a[href], input, select, textarea, [role=tabpanel], dialog")) {
    if (element.getAttribute("role") === "tabpanel" ? !document.getElementById(element.getAttribute("aria-labelledby")) : !name(element)) found.push(`no name: ${element.outerHTML.slice(0, 120)}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((each, index) => ids.indexOf(each) !== index))) found.push(`twice: #${id}`);
  for (const element of document.querySelectorAll("[aria-controls], [aria-describedby]")) {
    const wanted = element.getAttribute("aria-describedby");
    if (wanted && !document.getElementById(wanted)) found.push(`described by nothing: #${wanted}`);
  }
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  if (document.querySelectorAll("main").length !== 1) found.push("not one main");
  return found;
}
