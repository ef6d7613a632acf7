// The image, video or camera in the middle of the page, with the faces drawn over it.
import { annotate, numbered } from "./overlay.js";
import { expressionName, facesCounted, probability, t } from "./words.js";

export class Stage extends EventTarget {
  #view = document.getElementById("view");
  #image = document.getElementById("image");
  #video = document.getElementById("video");
  #overlay = document.getElementById("overlay");
  #shown = null; // what is drawn under the faces
  #size = [0, 0];
  #prediction = null;
  #mirrored = false;
  #chosen = null;

  constructor() {
    super();
    new ResizeObserver(() => this.redraw()).observe(this.#view);
    this.#overlay.addEventListener("click", (event) => this.#click(event));
  }

  get video() {
    return this.#video;
  }

  // Show an image: a canvas source, or null where only the server could decode it.
  showImage(source, width, height) {
    this.#begin(this.#image, [width, height], false);
    Object.assign(this.#image, { width, height });
    this.#view.classList.toggle("unseen", !source);
    if (source) this.#image.getContext("2d").drawImage(source, 0, 0, width, height);
  }

  showVideo(mirrored) {
    this.#begin(this.#video, [this.#video.videoWidth, this.#video.videoHeight], mirrored);
  }

  clear() {
    this.#view.hidden = true;
    this.#prediction = this.#shown = null;
  }

  show(prediction) {
    this.#prediction = prediction;
    this.redraw();
  }

  choose(number) {
    this.#chosen = number;
    this.redraw();
  }

  redraw() {
    if (!this.#shown || !this.#shown.clientWidth) return;
    const [wide, high] = [this.#shown.clientWidth, this.#shown.clientHeight];
    const density = devicePixelRatio || 1;
    Object.assign(this.#overlay, { width: Math.round(wide * density), height: Math.round(high * density) });
    const place = { width: wide, height: high, left: this.#shown.offsetLeft, top: this.#shown.offsetTop };
    for (const [name, value] of Object.entries(place)) this.#overlay.style[name] = `${value}px`;
    const context = this.#overlay.getContext("2d");
    context.scale(density, density);
    const scale = wide / this.#size[0];
    annotate(context, [wide, high], this.#prediction?.faces ?? [], { scale, mirrored: this.#mirrored, chosen: this.#chosen });
    this.#overlay.ariaLabel = described(this.#prediction);
  }

  // Draw a face's square into a small canvas.
  portrait(face, canvas) {
    const [x1, y1, x2, y2] = face.box;
    const side = Math.max(x2 - x1, y2 - y1) * 1.15;
    const [x, y] = [(x1 + x2 - side) / 2, (y1 + y2 - side) / 2];
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (this.#shown) context.drawImage(this.#shown, x, y, side, side, 0, 0, canvas.width, canvas.height);
  }

  // The image at its full size with the faces drawn in, as a PNG.
  async annotated() {
    const [width, height] = this.#size;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    context.drawImage(this.#shown, 0, 0, width, height);
    annotate(context, this.#size, this.#prediction?.faces ?? []);
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  }

  #begin(shown, size, mirrored) {
    Object.assign(this.#view, { hidden: false });
    this.#view.classList.remove("unseen");
    this.#view.classList.toggle("mirrored", mirrored);
    for (const element of [this.#image, this.#video]) element.hidden = element !== shown;
    this.#shown = shown;
    this.#size = size;
    this.#mirrored = mirrored;
    this.#prediction = null;
    this.#chosen = null;
    this.redraw();
  }

  #click(event) {
    const scale = this.#size[0] / this.#overlay.clientWidth;
    const x = (this.#mirrored ? this.#overlay.clientWidth - event.offsetX : event.offsetX) * scale;
    const y = event.offsetY * scale;
    const inside = ({ box }) => box[0] <= x && x <= box[2] && box[1] <= y && y <= box[3];
    const face = this.#prediction?.faces.find(inside);
    this.dispatchEvent(new CustomEvent("face", { detail: face ? numbered(face) : null }));
  }
}

function described(prediction) {
  if (!prediction) return "";
  const named = prediction.faces.map((face) => `${expressionName(face.expression)} ${probability(face.confidence)}`);
  const faces = [facesCounted(prediction.faces.length), named.join(", ")].filter(Boolean).join(": ");
  return t("stage.image", { name: prediction.source, faces });
}
