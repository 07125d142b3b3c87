import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'
import { sizeBudget } from './sizeBudget.ts'

const backend = 'http://127.0.0.1:8000'

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

export default defineConfig({
  plugins: [react(), developmentConfig, sizeBudget],
  server: {
    proxy: { '/api': backend, '/health': backend },
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
