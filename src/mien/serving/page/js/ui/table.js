// Predictions as the files of `mien predict`: JSON as it is, CSV with the same columns (inference/output/rows.py).
const BEFORE = ["source", "frame", "seconds", "width", "height", "error", "note", "rotated", "face",
  "box_x1", "box_y1", "box_x2", "box_y2", "crop_x", "crop_y", "crop_side",
  "score", "track_id", "expression", "confidence", "abstained"];
const MEASURES = ["yaw", "pitch", "roll", "distance_cm", "eye_openness_right", "eye_openness_left", "mouth_openness",
  "size_px", "sharpness"];

const EVENT = ["source", "track_id", "expression", "onset", "peak", "offset", "duration", "confidence"];

export function asJson(predictions) {
  return predictions.length ? `[\n${predictions.map((one) => JSON.stringify(one)).join(",\n")}\n]\n` : "[]\n";
}

// `about` is what the page knows of the weights: labels, and reliability where their card has it.
export function asCsv(predictions, about) {
  return csv(columns(predictions, about), predictions.flatMap(rows));
}

export function eventsAsCsv(events) {
  return csv(EVENT, events);
}

function csv(names, rows) {
  const lines = rows.map((row) => names.map((name) => cell(row[name])).join(","));
  return [names.join(","), ...lines].map((line) => `${line}\n`).join("");
}

export function columns(predictions, about) {
  const faces = predictions.flatMap((one) => one.faces);
  const measured = faces.some((face) => face.measures || face.measures_reason);
  const units = Object.keys(faces.find((face) => face.action_units)?.action_units ?? {});
  return [
    ...BEFORE,
    ...(about.reliability ? ["reliability"] : []),
    ...about.labels.map((label) => `prob_${label}`),
    "valence", "arousal", "valence_estimate", "arousal_estimate",
    ...units,
    ...(measured ? [...MEASURES, "measures_reason", "action_units_source"] : []),
  ];
}

// A row per face, or one without face columns where there is no face.
function rows(prediction) {
  const { faces, ...image } = prediction;
  return faces.length ? faces.map((face) => ({ ...image, ...flat(face) })) : [image];
}

function flat(face) {
  const { box, crop, probs, measures, action_units: units, ...rest } = face;
  const named = Object.fromEntries(Object.entries(probs ?? {}).map(([label, p]) => [`prob_${label}`, p]));
  const [box_x1, box_y1, box_x2, box_y2] = box;
  const [crop_x, crop_y, crop_side] = crop ?? [];
  return { ...rest, box_x1, box_y1, box_x2, box_y2, crop_x, crop_y, crop_side, ...named, ...measures, ...units };
}

function cell(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
