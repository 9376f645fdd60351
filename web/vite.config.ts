import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

// `npm run dev` passes requests on to the mock server or to `segspec serve`; SERVER is its address, TOKEN the token of its link.
const server = process.env.SERVER ?? 'http://127.0.0.1:8787'

// NiiVue brings decoders for Zarr, 1.4 MB that no page here can reach: every image comes as NIfTI.
const unused = fileURLToPath(new URL('./src/unused-codec.ts', import.meta.url))

export default defineConfig({
  resolve: { alias: { 'numcodecs/blosc': unused, 'numcodecs/lz4': unused, 'numcodecs/zstd': unused } },
  build: {
    // Licences of what is bundled: their notices must go with it.
    license: { fileName: 'licenses.md' },
    target: 'es2022',
    // NiiVue and three.js are large and load only with the pages that need them.
    chunkSizeWarningLimit: 1500,
    modulePreload: { polyfill: false },
    // The content security policy forbids `data:` for everything but images.
    assetsInlineLimit: 0,
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': { target: server, headers: { authorization: `Bearer ${process.env.TOKEN ?? 'mock'}` } } },
  },
})
