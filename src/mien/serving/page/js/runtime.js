// onnxruntime-web out of page/vendor (`make page`): WebAssembly on one thread, nothing fetched from elsewhere.

import { Failure, fetched } from "./failure.js";

const VENDOR = new URL("../vendor/", import.meta.url).href;
const WASM = `${VENDOR}ort-wasm-simd-threaded.wasm`;
const MEMORY = /memory|allocat|out of bounds/i;

/** Return the module; Failure where the files or WebAssembly are missing. */
export async function runtime() {
  if (typeof WebAssembly === "undefined") throw new Failure("no_wasm", "this browser has no WebAssembly");
  const ort = await import(`${VENDOR}ort.wasm.min.mjs`).catch(() => null);
  if (!ort) throw new Failure("missing_vendor", "onnxruntime-web is not installed beside the page (`make page`)");
  ort.env.logLevel = "fatal";
  Object.assign(ort.env.wasm, {
    numThreads: 1,
    proxy: false,
    wasmPaths: { mjs: `${VENDOR}ort-wasm-simd-threaded.mjs`, wasm: WASM },
  });
  return ort;
}

/** Return a session of the network at an address; `ort` may be a promise, so that both load at once. */
export async function opened(ort, address, code) {
  const [module, bytes] = await Promise.all([ort, fetched(address, "arrayBuffer", code)]);
  try {
    return await module.InferenceSession.create(new Uint8Array(bytes), {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "all",
      logSeverityLevel: 4,
    });
  } catch (error) {
    const there = await fetch(WASM).then((response) => response.ok, () => false); // the runtime does not say
    throw failure(error, there ? "no_wasm" : "missing_vendor");
  }
}

/** Return an error of the runtime as a Failure. */
export function failure(error, code) {
  if (error instanceof Failure) return error;
  const message = String(error?.message ?? error);
  return new Failure(MEMORY.test(message) || error instanceof RangeError ? "out_of_memory" : code, message);
}
