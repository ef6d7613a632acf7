// The row of small images below the stage: one per image and one for the video or camera.
import { make } from "./elements.js";
import { explained } from "./page-error.js";
import { facesCounted, t } from "./words.js";

const SIDE = 136;
const FILM_MARK = "\u25b6";

export class Strip {
  #box = document.getElementById("strip");
  #list = document.getElementById("thumbs");
  #tiles = new Map(); // by item
  #choose;

  constructor(choose) {
    this.#choose = choose;
  }

  // Show a tile for each item; `current` is the one on the stage.
  show(items, current) {
    for (const [item, tile] of this.#tiles) {
      if (items.includes(item)) continue;
      tile.row.remove();
      this.#tiles.delete(item);
    }
    for (const item of items) this.#show(item, item === current);
    this.#box.hidden = items.length === 0;
    this.#list.hidden = items.length < 2;
  }

  #show(item, current) {
    const tile = this.#tiles.get(item) ?? this.#tile(item);
    tile.row.className = item.state;
    tile.button.ariaLabel = tile.button.title = label(item);
    tile.button.ariaCurrent = String(current);
    tile.mark.textContent = mark(item);
    tile.mark.hidden = !tile.mark.textContent;
    const image = item.state === "failed" ? null : (item.thumb ?? item.shown);
    if (image && tile.drawn !== image) draw(tile, image);
    tile.canvas.hidden = item.state === "failed" || !tile.drawn;
    tile.name.textContent = tile.canvas.hidden ? item.name : "";
    if (current) tile.row.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #tile(item) {
    const canvas = make("canvas", { width: SIDE, height: SIDE });
    const [name, sign] = ["name", "mark"].map((className) => make("span", { className, ariaHidden: "true" }));
    const button = make("button", { type: "button" }, canvas, name, sign);
    button.addEventListener("click", () => this.#choose(item));
    const row = make("li", {}, button);
    this.#list.append(row);
    const tile = { row, button, canvas, name, mark: sign, drawn: null };
    this.#tiles.set(item, tile);
    return tile;
  }
}

function draw(tile, shown) {
  const side = Math.min(shown.width, shown.height);
  const [x, y] = [(shown.width - side) / 2, (shown.height - side) / 2];
  tile.canvas.getContext("2d").drawImage(shown, x, y, side, side, 0, 0, SIDE, SIDE);
  tile.drawn = shown;
}

function mark(item) {
  if (item.state === "failed") return "!";
  if (item.film) return FILM_MARK;
  return item.prediction ? String(item.prediction.faces.length) : "";
}

function label(item) {
  if (item.state === "failed") return failure(item);
  if (item.film) return item.name;
  if (!item.prediction) return t("strip.waiting", { name: item.name });
  return t("strip.item", { name: item.name, faces: facesCounted(item.prediction.faces.length) });
}

// Why it could not be read; most reasons begin with its name.
function failure({ name, error }) {
  const reason = explained(error);
  return reason.includes(name) ? reason : t("strip.failed", { name, reason });
}
