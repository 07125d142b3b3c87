import { readFileSync } from 'node:fs'
import { lingui } from '@lingui/vite-plugin'
import react from '@vitejs/plugin-react'
import type { Plugin, ProxyOptions } from 'vite'
import { defineConfig } from 'vitest/config'
import { firstPaint } from './firstPaint.ts'
import { linguiMacros } from './linguiMacros.ts'
import { precompressed } from './precompressed.ts'
import { sizeBudget } from './sizeBudget.ts'
import { sourceMaps } from './sourceMaps.ts'

/** Where the backend's address is: `cargo xtask dev` writes it anew when the next one takes over. */
const backendFile = process.env.TRACEHUB_BACKEND_FILE

const backend: ProxyOptions = {
  target: 'http://127.0.0.1:8000',
  configure(_proxy, options) {
    if (backendFile === undefined) return
    // Asked on each request.
    Object.defineProperty(options, 'target', {
      enumerable: true,
      get: () => readFileSync(backendFile, 'utf8'),
    })
  },
}

/** While developing, stands in for the container, which makes `/config.json` when it starts. */
const developmentConfig: Plugin = {
  name: 'development-config',
  apply: 'serve',
  configureServer(server) {
    server.middlewares.use('/config.json', (_request, response) => {
      response.setHeader('Content-Type', 'application/json')
      response.end(JSON.stringify({ environment: 'local', release: 'development' }))
    })
  },
}

/** Libraries but for that of long forms, and our own frame. */
const isOfEveryPage =
  /node_modules\/(?!@mantine\/form|web-vitals|klona|fast-deep-equal|@fontsource|@sentry)|src\/(api|layout|language\/speak|auth\/credentials)/

export default defineConfig({
  plugins: [
    linguiMacros,
    lingui({ failOnMissing: true, failOnCompileError: true }),
    react(),
    developmentConfig,
    firstPaint,
    sizeBudget,
    sourceMaps(),
    precompressed(),
  ],
  build: {
    // No script names its map, which is not served.
    sourcemap: 'hidden',
    rolldownOptions: {
      output: {
        sourcemapDebugIds: true,
        codeSplitting: {
          // What every page needs is one file, not thirty. A page's own come with it.
          groups: [
            {
              name: 'first',
              test: /preload-helper|src\/(storage|language\/choice|reports\/report|auth\/storedLogin)/,
              priority: 1,
            },
            { name: 'base', test: isOfEveryPage },
          ],
        },
      },
    },
  },
  server: {
    proxy: {
      '/api': backend,
      '/health': backend,
      // As the edge has it: the page for a buyer is the backend's own.
      '/shared': { ...backend, rewrite: (path) => `/api${path}` },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: 'src/test/setup.ts',
    testTimeout: 20_000,
    unstubGlobals: true,
    coverage: {
      include: ['src/**/*.{ts,tsx}'],
      exclude: ['src/test/**', 'src/**/*.test.*', 'src/api/schema.ts'],
      reporter: ['text', ['lcovonly', { projectRoot: '../..' }]],
    },
  },
})
