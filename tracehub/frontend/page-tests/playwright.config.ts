import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { defineConfig } from '@playwright/test'

const built = fileURLToPath(new URL('../dist/index.html', import.meta.url))
if (!process.env.CHROMIUM || !existsSync(built)) {
  console.error(
    'These tests need a browser (CHROMIUM=/usr/bin/chromium) and the page (npm run build).',
  )
  process.exit(2)
}

/** The page as it is built, in a browser, with answers of the API that each test chooses: nothing has to run. */
export default defineConfig({
  testDir: '.',
  // Beside the cache of the tests' own scripts, which would otherwise stay in the machine's temporary folder.
  outputDir: 'results/failures',
  reporter: 'list',
  timeout: 60_000,
  expect: { timeout: 15_000 },
  forbidOnly: Boolean(process.env.CI),
  fullyParallel: true,
  workers: 2,
  use: {
    // A name under which nobody answers: what a test forgets to answer fails, and reaches no network.
    baseURL: 'http://page.invalid',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
})
