"""The page on which a person labels faces: one file that fetches nothing and sends nothing.

It shows no predictions and no names of files.  The choices stay in the browser until they are saved as a CSV
file, which `mien compare` takes as true labels.
"""

from collections.abc import Sequence

from mien.html.markup import Html, element, escape, join, markup
from mien.html.page import page
from mien.labels import UNCLEAR

STYLE = """
.faces{display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:16px}
.face{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px}
.face img{width:100%;border-radius:8px;display:block}
.face fieldset{border:0;margin:8px 0 0;padding:0;display:grid;grid-template-columns:1fr 1fr;gap:2px 8px}
.face legend{color:var(--soft);font-size:.86rem;padding:0 0 4px}
.face label{display:flex;gap:6px;align-items:center;min-height:28px;cursor:pointer}
.face:has(:checked){border-color:var(--accent)}
.bar-of-page{position:sticky;top:0;z-index:1;background:var(--ground);padding:10px 0;display:flex;gap:14px;
flex-wrap:wrap;align-items:center}
.bar-of-page input,.bar-of-page button{font:inherit;padding:6px 10px;border-radius:8px;border:1px solid var(--line);
background:var(--card);color:var(--ink)}
.bar-of-page button{background:var(--accent);border-color:var(--accent);color:var(--card);cursor:pointer}
@media print{.bar-of-page{display:none}}
"""

SCRIPT = """
const form = document.forms[0], rater = document.getElementById("rater"), state = document.getElementById("state");
const ids = [...document.querySelectorAll(".face")].map(face => face.dataset.id);
const key = "mien-rate-" + form.dataset.sample;
let unsaved = false;
function stored() {
  try { return JSON.parse(localStorage.getItem(key)) || {}; } catch { return {}; }
}
function store(what) {
  try { localStorage.setItem(key, JSON.stringify(what)); } catch { /* private mode: the file is all that stays */ }
}
function fill() {
  const { rater: name, labels } = stored();
  rater.value ||= name || "";
  for (const [id, value] of Object.entries(labels || {})) {
    const choice = form.querySelector(`input[name="${CSS.escape(id)}"][value="${CSS.escape(value)}"]`);
    if (choice) choice.checked = true;
  }
  state.textContent = `${[...new FormData(form)].length} of ${ids.length} faces`;
}
form.addEventListener("submit", event => event.preventDefault());
form.addEventListener("change", event => {
  unsaved = true;
  const { name, value } = event.target;
  const before = stored();
  store({ rater: rater.value, labels: name ? { ...before.labels, [name]: value } : before.labels });
  fill();
});
addEventListener("storage", event => { if (event.key === key && event.newValue) fill(); });
addEventListener("beforeunload", event => { if (unsaved) event.preventDefault(); });
document.getElementById("save").addEventListener("click", () => {
  const done = Object.fromEntries(new FormData(form));
  const rows = ids.map(id => `${id},${done[id] || ""}\\n`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([form.dataset.columns, "\\n", ...rows], { type: "text/csv" }));
  link.download = `labels-${rater.value.trim().replace(/[^\\p{L}\\p{N}_-]+/gu, "-") || "rater"}.csv`;
  link.click();
  unsaved = false;
  try { localStorage.removeItem(key); } catch { /* as above */ }  // the next person to rate must not see them
  const left = ids.length - Object.keys(done).length;
  state.textContent = `Saved ${link.download}${left ? `; ${left} of ${ids.length} faces have no label` : ""}`;
});
fill();
"""


def to_html(ids: Sequence[str], faces: Sequence[Html], labels: Sequence[str]) -> Html:
    """Return the page for faces, the data URI of an image each; `labels` are the choices.

    `ids` are `SAMPLE-NUMBER`: the choices of one sample must not appear on the page of another.
    """
    sample = ids[0].partition("-")[0]
    cards = join([_card(id, face, labels) for id, face in zip(ids, faces, strict=True)])
    bar = markup(
        '<div class="bar-of-page"><label>Your name or code <input id="rater" autocomplete="off" maxlength="40"></label>'
        '<button type="button" id="save">Save labels</button><span id="state" role="status"></span></div>'
    )
    form = element("form", bar, element("div", cards, cls="faces"), data_sample=sample, data_columns="id,truth")
    lede = (
        "Choose what each face shows, not what the person may feel. Take the first impression. Choose unclear where "
        "nothing fits. Save when you are done; until then the choices stay in this browser, and then in the file alone."
    )
    return page("Label faces", form, lede=lede, style=STYLE, script=SCRIPT)


def _card(id: str, face: Html, labels: Sequence[str]) -> Html:
    choices = join(
        markup('<label><input type="radio" name="{}" value="{}"> {}</label>', escape(id), escape(word), escape(word))
        for word in dict.fromkeys((*labels, UNCLEAR))
    )
    return markup(
        '<div class="face" data-id="{id}"><img src="{face}" alt="face {number}" loading="lazy">'
        "<fieldset><legend>{number}</legend>{choices}</fieldset></div>",
        id=escape(id),
        number=escape(id.rpartition("-")[2]),
        face=face,
        choices=choices,
    )
