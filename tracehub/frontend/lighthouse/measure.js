// Lighthouse on the built page, as on a phone: 1.6 Mbit/s, 150 ms to the server, a processor four times as slow as this
// one. It prints a table. The processor's part of it is only as good as this machine is free of other work.

import console from 'node:console'
import process from 'node:process'
import { fileURLToPath, URL } from 'node:url'

import lighthouse from 'lighthouse'
import puppeteer from 'puppeteer-core'

import { serve } from './site.js'

const RUNS = 5
const LOGIN = {
  expires_at: '2999-01-01T00:00:00Z',
  session: { id: '1', expires_at: '2999-01-01T00:00:00Z' },
  user: { id: '1', email: 'ada@example.com', name: 'Ada Obi' },
  organisation: { id: '1', name: 'Obi Export' },
}
const PAGES = [
  { name: 'log-in', path: '/login' },
  { name: 'list', path: '/shipments', login: LOGIN },
]

const folder = process.argv[2] ?? fileURLToPath(new URL('../dist', import.meta.url))
const site = await serve(folder)
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
})

console.log('| page | score | first paint | largest paint (LCP) | script blocks | layout shift |')
console.log('| --- | ---: | ---: | ---: | ---: | ---: |')
for (const { name, path, login } of PAGES) {
  const reports = []
  for (let run = 0; run < RUNS; run++) reports.push(await measure(path, login))
  console.log(row(name, reports))
}
await browser.close()
site.close()

async function measure(path, login) {
  const page = await browser.newPage()
  if (login) {
    await page.evaluateOnNewDocument(
      (text) => globalThis.localStorage.setItem('tracehub.credentials', text),
      JSON.stringify(login),
    )
  }
  const flags = { onlyCategories: ['performance'], logLevel: 'error' }
  const { lhr } = await lighthouse(site.address + path, flags, undefined, page)
  await page.close()
  return lhr
}

function row(name, reports) {
  const middle = (of) => reports.map(of).sort((a, b) => a - b)[Math.floor(reports.length / 2)]
  const audit = (id) => middle(({ audits }) => audits[id].numericValue)
  const seconds = (id) => `${(audit(id) / 1000).toFixed(2)} s`
  const cells = [
    name,
    Math.round(middle(({ categories }) => categories.performance.score) * 100),
    seconds('first-contentful-paint'),
    seconds('largest-contentful-paint'),
    `${Math.round(audit('total-blocking-time'))} ms`,
    audit('cumulative-layout-shift').toFixed(3),
  ]
  return `| ${cells.join(' | ')} |`
}
