// A head's pose as three short axes: red to the subject's left, green up, blue where the face looks.
const SVG = "http://www.w3.org/2000/svg";
const RADIANS = Math.PI / 180;

export function pose({ yaw, pitch, roll }, description) {
  const svg = draw("svg", { class: "pose", viewBox: "-40 -40 80 80", role: "img", "aria-label": description });
  svg.append(draw("circle", { r: 36 }));
  for (const [name, [x, y]] of Object.entries(axes(yaw, pitch, roll))) {
    svg.append(draw("line", { class: name, x2: (30 * x).toFixed(1), y2: (30 * y).toFixed(1) }));
  }
  return svg;
}

// Where the axes point in the image, x to the right and y down; yaw is positive to the subject's left, which is right in
// the image, pitch upwards, roll clockwise in the image.
export function axes(yaw, pitch, roll) {
  const [a, b, c] = [yaw * RADIANS, pitch * RADIANS, roll * RADIANS];
  const turned = ([x, y]) => [x * Math.cos(c) - y * Math.sin(c), x * Math.sin(c) + y * Math.cos(c)];
  return {
    x: turned([Math.cos(a), Math.sin(a) * Math.sin(b)]),
    y: turned([0, -Math.cos(b)]),
    z: turned([Math.sin(a), -Math.cos(a) * Math.sin(b)]),
  };
}

function draw(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
