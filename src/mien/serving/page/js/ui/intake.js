// How images and videos come in: chosen, dropped anywhere, or pasted.
export function takeFiles(take) {
  const picker = document.getElementById("files");
  for (const id of ["choose", "more"]) document.getElementById(id).addEventListener("click", () => picker.click());
  picker.addEventListener("change", () => {
    give(picker.files, take);
    picker.value = ""; // so that the same file can be chosen again
  });
  addEventListener("paste", (event) => give(event.clipboardData?.files ?? [], take));
  dragged(take);
}

function dragged(take) {
  const sign = document.getElementById("drag");
  let depth = 0;
  const leave = () => ((depth = 0), (sign.hidden = true));
  addEventListener("dragenter", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    depth += 1;
    sign.hidden = false;
  });
  addEventListener("dragleave", () => --depth <= 0 && leave());
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    leave();
    give(event.dataTransfer?.files ?? [], take);
  });
}

function give(files, take) {
  if (files.length) take([...files]);
}

export function isVideo({ type, name }) {
  return type.startsWith("video/") || (!type && /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|ogv|ts|wmv|flv)$/i.test(name));
}

export function isImage({ type, name }) {
  return type.startsWith("image/") || (!type && /\.(jpe?g|png|gif|webp|avif|bmp|heic|heif|tiff?|jp2|ppm|tga|ico)$/i.test(name));
}

// The sample images of a server that has some (`mien demo`).
export async function samples(take, make, describe) {
  const answer = await fetch("/samples.json").catch(() => null);
  const listed = answer?.ok ? await answer.json() : [];
  const buttons = listed.map(({ name, url }) => {
    const button = make("button", { type: "button", ariaLabel: describe(name) }, make("img", { src: url, alt: "", width: 92, height: 92 }));
    button.addEventListener("click", async () => {
      const content = await (await fetch(url)).blob();
      take([new File([content], name, { type: content.type })]);
    });
    return make("li", {}, button);
  });
  document.getElementById("sample-list").replaceChildren(...buttons);
  document.getElementById("samples").hidden = !buttons.length;
}
