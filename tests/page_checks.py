"""What a page must keep at every width and in both themes, as scripts that return what does not."""

# Every visible text that stands out too little from what it is drawn on, as (text, contrast).
FAINT = """
const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m };
const over = (a, b) => [0, 1, 2].map(k => a[k] * a[3] + b[k] * (1 - a[3])).concat(1);
const linear = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const light = c => { const [r, g, b] = c.slice(0, 3).map(linear);
  return .2126 * r + .7152 * g + .0722 * b };
const ground = e => { const layers = [];
  for (; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]) };
const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const e = walk.currentNode.parentElement, style = getComputedStyle(e);
  if (!walk.currentNode.data.trim() || !e.getClientRects().length || !e.checkVisibility()) continue;
  const under = ground(e), ink = over(parse(e.closest('svg') ? style.fill : style.color), under);
  const [low, high] = [light(under), light(ink)].sort((a, b) => a - b), contrast = (high + .05) / (low + .05);
  if (contrast < 4.5) found.push([walk.currentNode.data.trim(), contrast]);
}
return found;
"""
WIDE = """
const wide = document.documentElement.clientWidth;
return [...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll, pre, svg, .toggle > input, legend')
  && e.getBoundingClientRect().right > wide + 1).map(e => e.tagName + '.' + e.className);
"""
CLIPPED = """
return [...document.querySelectorAll('svg[role=img]')].flatMap(svg => { const box = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(t => { const r = t.getBoundingClientRect();
    return r.width && (r.left < box.left - 1 || r.right > box.right + 1 || r.bottom > box.bottom + 1) })
    .map(t => t.textContent) });
"""
UNREACHABLE = """
return [...document.querySelectorAll('*')].filter(e => /auto|scroll/.test(getComputedStyle(e).overflowX)
  && e.scrollWidth > e.clientWidth + 1 && e.tabIndex < 0).map(e => e.className);
"""
HEADINGS = "return [...document.querySelectorAll('h1,h2,h3,h4')].map(e => +e.tagName[1]);"
