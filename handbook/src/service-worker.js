// Keeps the whole site for readers without a network. The builder puts `version`, a digest of all files, and `files`, their addresses, in front
// of this text. The network comes first, so that nobody reads an old page; files whose names hold a digest never change.

const cacheName = `klpkit-handbook-${version}`;

addEventListener('install', (event) => {
  const keep = async () => {
    const cache = await caches.open(cacheName);
    await cache.addAll(files.map((file) => new Request(file, { cache: 'no-cache' })));
    await skipWaiting();
  };
  event.waitUntil(keep());
});

addEventListener('activate', (event) => {
  const takeOver = async () => {
    for (const name of await caches.keys())
      if (name.startsWith('klpkit-handbook-') && name !== cacheName) await caches.delete(name);
    await clients.claim();
  };
  event.waitUntil(takeOver());
});

addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method === 'GET' && url.origin === location.origin) event.respondWith(answer(request, url));
});

async function answer(request, { pathname }) {
  const cache = await caches.open(cacheName);
  const kept = () => cache.match(pathname, { ignoreSearch: true });
  if (pathname.startsWith('/_astro/')) return (await kept()) ?? fetch(request);
  try {
    return await fetch(request);
  } catch (error) {
    const found =
      (await kept()) ?? (request.mode === 'navigate' ? await cache.match('/404.html') : undefined);
    if (found) return found;
    throw error;
  }
}
