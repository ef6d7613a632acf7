// Keeps the page working with the server gone.  The server puts two lines before this file: VERSION, a digest of what it
// serves, and FILES, the addresses.  With the server there, everything comes from it; what it answers under /v1/ is never
// kept.
const CACHE = `mien-${VERSION}`;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const drop = (names) => names.filter((name) => name.startsWith("mien-") && name !== CACHE).map((name) => caches.delete(name));
  event.waitUntil(caches.keys().then((names) => Promise.all(drop(names))).then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== location.origin || !FILES.includes(pathname)) return;
  event.respondWith(fetch(event.request).catch(() => kept(pathname)));
});

async function kept(pathname) {
  const cache = await caches.open(CACHE);
  return (await cache.match(pathname)) ?? Response.error();
}
