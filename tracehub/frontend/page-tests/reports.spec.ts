import { readFileSync } from 'node:fs'

import { expect, test, type BrowserContext, type Route } from '@playwright/test'

import { ADA, CASHEWS, SHIPMENTS } from './samples'
import { openAs, serve, type Answers } from './site'

type Report = {
  message?: string
  level: string
  release: string
  tags: Record<string, string>
  debug_meta?: { images: { type: string; code_file: string; debug_id: string }[] }
  exception?: { values: { type: string; value: string; stacktrace: { frames: object[] } }[] }
}

/** Serves the page, and keeps what it reports, which scripts it fetched, and all words that left. */
async function watch(context: BrowserContext, answers: Answers) {
  const reports: Report[] = []
  const seen = { scripts: [] as string[], words: '' }
  context.on('request', (request) => seen.scripts.push(new URL(request.url()).pathname))
  await serve(context, {
    'GET /api/shipments': { items: SHIPMENTS, next: null },
    'POST /api/telemetry': (route) => {
      const envelope = route.request().postData() ?? ''
      seen.words += envelope
      reports.push(JSON.parse(envelope.split('\n')[2]!) as Report)
      return route.fulfill({ status: 204 })
    },
    ...answers,
  })
  const fetched = () => seen.scripts.filter((it) => /\/sentry-.*\.js$/.test(it))
  return { reports, fetched, words: () => seen.words }
}

const failing = (route: Route) =>
  route.fulfill({
    status: 500,
    contentType: 'application/problem+json',
    json: { type: 'about:blank', title: 'x', status: 500, detail: 'x', request_id: 'request-7' },
  })

test('an error of the API is reported with its request, and nothing before one', async ({
  page,
  context,
}) => {
  const { reports, fetched, words } = await watch(context, {
    [`GET /api/shipments/${SHIPMENTS[0]!.id}`]: failing,
  })
  await openAs(page, ADA, '/shipments')
  await expect(page.getByText('In transit')).toBeVisible()
  expect(fetched()).toEqual([])

  await page.getByRole('link', { name: SHIPMENTS[0]!.reference }).click()
  await expect.poll(() => reports.length).toBe(1)
  expect(fetched()).toHaveLength(1)
  const [report] = reports
  expect(report!.release).toBe('20260103t120000z-1a2b3c4d5e6f')
  expect(report!.tags).toEqual({ kind: 'api', language: 'en', request_id: 'request-7' })
  expect(report!.exception!.values[0]!.value).toMatch(/^\/api\/shipments\/.* answered 500$/)
  for (const secret of [ADA.token, ADA.user.email, ADA.user.name, ADA.organisation.name]) {
    expect(words()).not.toContain(secret)
  }
})

test('an error while a page is drawn is reported with its place', async ({ page, context }) => {
  const { reports } = await watch(context, {
    [`GET /api/shipments/${CASHEWS.id}`]: { ...CASHEWS, next_stages: 7 },
  })
  await openAs(page, ADA, `/shipments/${CASHEWS.id}`)
  await expect(page.getByText('This page could not be shown')).toBeVisible()
  await expect.poll(() => reports.length).toBe(1)
  const [error] = reports[0]!.exception!.values
  expect([reports[0]!.tags.kind, error!.type]).toEqual(['rendering', 'TypeError'])
  expect(error!.stacktrace.frames.length).toBeGreaterThan(2)
  // By which Sentry finds the lines of the sources.
  const scripts = reports[0]!.debug_meta!.images
  expect(scripts.length).toBeGreaterThan(0)
  for (const { code_file, debug_id } of scripts) {
    expect(code_file).toMatch(/\/assets\/.*\.js$/)
    expect(
      readFileSync(
        new URL(`../dist-maps${new URL(code_file).pathname}.map`, import.meta.url),
        'utf8',
      ),
    ).toContain(`"debugId":"${debug_id}"`)
  }
})

test('a script that is gone is reported, also when what reports is gone with it', async ({
  page,
  context,
}) => {
  const { reports } = await watch(context, {})
  await openAs(page, ADA, '/shipments')
  await expect(page.getByText('In transit')).toBeVisible()
  await context.route(/\/assets\/(PeoplePage|sentry)-.*\.js$/, (route) =>
    route.fulfill({ status: 404 }),
  )
  await page.getByRole('button', { name: /^Account of/ }).click()
  await page.getByRole('link', { name: 'People' }).click()
  await expect(page.getByText('A part of it did not come')).toBeVisible()
  await expect.poll(() => reports.length).toBe(1)
  expect(reports[0]!.tags.kind).toBe('script')
  expect(reports[0]!.message).toMatch(/import|module/)
})

test('of some visits it is told how fast they were, when they end', async ({ page, context }) => {
  const told: { route: string; release: string; measured: Record<string, number> }[] = []
  const { fetched } = await watch(context, {
    [`GET /api/shipments/${CASHEWS.id}`]: CASHEWS,
    'POST /api/telemetry': (route) => {
      told.push(JSON.parse(route.request().postData()!.split('\n')[2]!) as (typeof told)[0])
      return route.fulfill({ status: 204 })
    },
  })
  await context.addInitScript(() => (Math.random = () => 0))
  await openAs(page, ADA, `/shipments/${CASHEWS.id}`)
  await expect(page.getByRole('heading', { name: CASHEWS.reference })).toBeVisible()
  await page.waitForFunction(() =>
    performance.getEntriesByType('resource').some(({ name }) => name.includes('/assets/vitals-')),
  )
  await page.mouse.click(1, 1)
  // As when somebody turns to another window. What a page sends while it goes, no test sees.
  await page.evaluate(async () => {
    // The library has heard of the click when the browser has nothing else to do.
    await new Promise((done) => requestIdleCallback(() => requestIdleCallback(done)))
    Object.defineProperty(document, 'visibilityState', { value: 'hidden' })
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
  })
  await expect.poll(() => told.length).toBe(1)
  expect(told[0]!.route).toBe('/shipments/$id')
  expect(told[0]!.release).toBe('20260103t120000z-1a2b3c4d5e6f')
  expect(told[0]!.measured.LCP).toBeGreaterThan(0)
  expect(told[0]!.measured.CLS).toBeGreaterThanOrEqual(0)
  expect(fetched()).toEqual([])
})
