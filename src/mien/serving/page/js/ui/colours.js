// One colour per expression, as in mien's images and reports (html/page.py; a test holds them equal).
export const ABSTAINED = "#8b9198";
export const COLOURS = {
  neutral: "#4f9fb3",
  happiness: "#f0b429",
  sadness: "#4c78dd",
  surprise: "#ec77b5",
  fear: "#9065d8",
  disgust: "#57a64c",
  anger: "#dd4a3d",
  contempt: "#b3784a",
};

export function colour(expression) {
  return COLOURS[expression] ?? ABSTAINED;
}

// The colour of a face: grey where the weights abstained.
export function faceColour(face) {
  return face.abstained ? ABSTAINED : colour(face.expression);
}

// Dark or white, whichever reads better on a colour (relative luminance).
export function ink(ground) {
  const [red, green, blue] = [1, 3, 5].map((at) => (parseInt(ground.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.22 ? "#16191f" : "#ffffff";
}
