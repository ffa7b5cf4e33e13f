"""
Finds texts that are hard to read, in a page.
"""

from __future__ import annotations

__all__ = ["CONTRAST"]

#: Returns each text whose contrast is below what WCAG 2.2 asks for in 1.4.3.
CONTRAST = """
const LEAST = 4.5;
const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
// Colours of all notations, one over the other, as the screen shows them.
const shown = (colors) => {
  canvas.clearRect(0, 0, 1, 1);
  for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const luminance = (color) => {
  const [r, g, b] = color.map((one) => one / 255)
    .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (one) => {
  const colors = [];
  for (let each = one; each; each = each.parentElement) {
    colors.unshift(getComputedStyle(each).backgroundColor);
  }
  return colors;
};
const found = [];
for (const one of document.querySelectorAll("body *")) {
  const words = [...one.childNodes].filter((each) => each.nodeType === Node.TEXT_NODE)
    .map((each) => each.data.trim()).join("");
  if (!words || !one.checkVisibility() || one.closest("svg, option, script")) { continue; }
  const back = behind(one);
  const text = luminance(shown([...back, getComputedStyle(one).color]));
  const ground = luminance(shown(back));
  const contrast = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
  if (contrast < LEAST) { found.push(`${contrast.toFixed(1)}: ${words.slice(0, 50)}`); }
}
return found;
"""
