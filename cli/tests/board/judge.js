// What of a page can't be read: a list of complaints.
(() => {
  const wrong = [];
  const say = (element, what) => wrong.push(`${what}: ${element.className || element.tagName}: ${element.textContent.slice(0, 60)}`);
  if (document.documentElement.scrollWidth > innerWidth) wrong.push(`the page is ${document.documentElement.scrollWidth} wide, its window ${innerWidth}`);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  const paint = (colours) => {
    brush.clearRect(0, 0, 1, 1);
    for (const colour of colours) { brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1); }
    return [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  // WCAG 2.2, "relative luminance" and "contrast ratio".
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let count = 0;
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility() || ["SCRIPT", "STYLE", "NOSCRIPT"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    // Marks of a large cluster have no text; their title has it.
    if (size === 0) continue;
    count += 1;
    if (size < 11) say(element, `text of ${size} px`);
    const backs = [];
    for (let at = element; at; at = at.parentElement) backs.unshift(getComputedStyle(at).backgroundColor);
    const back = paint(["Canvas", ...backs]);
    const ratio = contrast(paint([`rgb(${back})`, style.color]), back);
    if (ratio < 4.5) say(element, `contrast of ${ratio.toFixed(1)}`);
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    const box = range.getBoundingClientRect();
    const isCut = style.textOverflow === "ellipsis" || style.webkitLineClamp !== "none";
    if (!isCut && (box.right > innerWidth + 1 || box.left < -1)) say(element, `text from ${box.left} to ${box.right}`);
  }
  if (count < 20) wrong.push(`only ${count} texts are shown`);
  for (const card of document.querySelectorAll(".node")) {
    if (card.scrollWidth > card.clientWidth || card.scrollHeight > card.clientHeight + 1) say(card, "a card is too small for what it shows");
    const state = card.querySelector(".state");
    if (state.scrollWidth > state.clientWidth + 1 && getComputedStyle(state).overflow !== "visible") say(state, "the state is cut");
  }
  return wrong;
})()
