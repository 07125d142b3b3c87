import { expect, test } from '@playwright/test'

import { ADA, SHIPMENTS } from './samples'
import { openAs, serve, SILENCE } from './site'

const LIST = { 'GET /api/shipments': { items: SHIPMENTS, next: null } }

test('an API that says nothing is given up, with a word and a way on', async ({
  page,
  context,
}) => {
  let isSilent = true
  await serve(context, {
    'GET /api/shipments': (route) =>
      isSilent ? SILENCE() : route.fulfill({ json: LIST['GET /api/shipments'] }),
  })
  await page.clock.install()
  await openAs(page, ADA, '/shipments')
  await expect(page.getByRole('status', { name: 'Loading shipments' })).toBeVisible()
  await page.clock.runFor(5_000)
  await expect(page.getByText('This takes longer than usual')).toBeVisible()
  await page.clock.runFor(12_000)
  await expect(page.getByRole('alert')).toContainText('TraceHub did not answer in time')

  isSilent = false
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.clock.runFor(1_000)
  await expect(page.getByText('In transit')).toBeVisible()
})

test('the page does not wait for its settings, and asks again for those that do not come', async ({
  page,
  context,
}) => {
  let isSilent = true
  await serve(context, {
    ...LIST,
    'GET /config.json': (route) =>
      isSilent
        ? SILENCE()
        : route.fulfill({ json: { environment: 'production', release: 'release-1' } }),
  })
  await openAs(page, ADA, '/shipments')
  await expect(page.getByText('In transit')).toBeVisible()
  await expect(page.getByText('TraceHub did not say which release this is')).toBeVisible()
  await expect(page.getByText('unknown')).toBeVisible()

  isSilent = false
  await page.getByRole('button', { name: 'Try again' }).click()
  await expect(page.getByText('Release release-1')).toBeVisible()
})

test('a script that does not come is said by the page itself', async ({ page, context }) => {
  await serve(context, {})
  await context.route(/\/assets\/.*\.js$/, SILENCE)
  await page.goto('/login', { waitUntil: 'commit' })
  await expect(page.getByText('TraceHub is loading')).toBeVisible()
  await expect(page.getByRole('link', { name: 'try again' })).toBeVisible({ timeout: 20_000 })
})

test('a script that cannot come is said at once', async ({ page, context }) => {
  await serve(context, {})
  await context.route(/\/assets\/base-.*\.js$/, (route) => route.abort())
  await page.goto('/login', { waitUntil: 'commit' })
  await expect(page.getByRole('link', { name: 'try again' })).toBeVisible({ timeout: 5_000 })
})

test('without a connection a search fails at once, and says why', async ({ page, context }) => {
  await serve(context, {
    'GET /api/shipments': (route) =>
      route.request().url().includes('search')
        ? route.abort('internetdisconnected')
        : route.fulfill({ json: LIST['GET /api/shipments'] }),
  })
  await openAs(page, ADA, '/shipments')
  await expect(page.getByText('In transit')).toBeVisible()
  await context.setOffline(true)
  await expect(page.getByText('You are offline. What you type is kept')).toBeVisible()
  await page.getByRole('searchbox').fill('cashew')
  await expect(page.getByRole('alert')).toContainText('You are offline')
  await context.setOffline(false)
  await expect(page.getByText('You are offline. What you type is kept')).toBeHidden()
})

test('maintenance is said in a sentence, with its end, and ends by itself', async ({
  page,
  context,
}) => {
  let isResting = true
  await serve(context, {
    'GET /api/shipments': (route) =>
      isResting
        ? route.fulfill({
            status: 503,
            headers: { 'Retry-After': '120' },
            contentType: 'text/html',
            body: '<h1>TraceHub is being looked after</h1>',
          })
        : route.fulfill({ json: LIST['GET /api/shipments'] }),
  })
  await page.clock.install()
  await openAs(page, ADA, '/shipments')
  await expect(page.getByRole('alert')).toContainText('TraceHub is being looked after')
  await expect(page.getByRole('alert')).toContainText('Please try again in 2 minutes')
  isResting = false
  await page.clock.fastForward(160_000)
  await expect(page.getByText('In transit')).toBeVisible()
})

test('a browser that keeps nothing shows the page all the same', async ({ page, context }) => {
  await serve(context, {
    ...LIST,
    'POST /api/auth/login': ADA,
  })
  await page.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(window, name, {
        get() {
          throw new DOMException('denied', 'SecurityError')
        },
      })
    }
  })
  await page.goto('/login')
  await page.getByLabel('Email').fill('ada@example.com')
  await page.getByRole('textbox', { name: 'Password' }).fill('correct horse')
  await page.getByRole('button', { name: 'Log in' }).click()
  await expect(page.getByText('In transit')).toBeVisible()

  await page.getByRole('link', { name: 'New shipment' }).click()
  await page.getByLabel('Reference').fill('EXP-1')
  await page.getByRole('link', { name: 'Cancel' }).click()
  await page.getByRole('link', { name: 'New shipment' }).click()
  await expect(page.getByLabel('Reference')).toHaveValue('EXP-1')
})

test('what somebody else wrote into the storage is no white page', async ({ page, context }) => {
  await serve(context, LIST)
  await page.addInitScript(() => localStorage.setItem('tracehub.credentials', '{"session":'))
  await page.goto('/shipments')
  await expect(page.getByRole('heading', { name: 'Welcome back' })).toBeVisible()
})
