import { defineConfig } from '@playwright/test'

const NEEDED = {
  TRACEHUB_URL: 'where TraceHub is, such as http://localhost:8080',
  TRACEHUB_EMAIL: 'who logs in',
  TRACEHUB_PASSWORD: 'with which password',
  CHROMIUM: 'the browser, such as /usr/bin/chromium',
}

const missing = Object.entries(NEEDED).filter(([name]) => !process.env[name])
if (missing.length > 0) {
  const lines = missing.map(([name, meaning]) => `  ${name.padEnd(18)} ${meaning}`)
  console.error(['The browser test needs these variables:', ...lines].join('\n'))
  process.exit(2)
}

const baseURL = process.env.TRACEHUB_URL!

export default defineConfig({
  testDir: '.',
  outputDir: 'results',
  reporter: 'list',
  timeout: 60_000,
  expect: { timeout: 15_000 },
  forbidOnly: Boolean(process.env.CI),
  use: {
    baseURL,
    // On this machine the certificate is the edge's own; elsewhere it has to be a real one.
    ignoreHTTPSErrors: ['localhost', '127.0.0.1'].includes(new URL(baseURL).hostname),
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
})
