import { expect, test, type Page, type Route } from '@playwright/test'

import { ADA, BEN, CASHEWS } from './samples'
import { openAs, problem, serve, type Answers } from './site'

const CREATE = 'POST /api/shipments'
const LIST: Answers = { 'GET /api/shipments': { items: [], next: null } }

const reference = (page: Page) => page.getByLabel('Reference')

async function fillIn(page: Page) {
  await reference(page).fill('EXP-2026-014')
  await page.getByLabel('Product').fill('Cashew kernels')
  await page.getByLabel('Port of origin').fill('Lagos')
  await page.getByLabel('Port of destination').fill('Hamburg')
}

async function logIn(page: Page, email: string) {
  await page.getByLabel('Email').fill(email)
  await page.getByRole('textbox', { name: 'Password' }).fill('correct horse')
  await page.getByRole('button', { name: 'Log in' }).click()
  // Who goes elsewhere before the answer has come is not logged in.
  await expect(page.getByRole('button', { name: /^Account of/ })).toBeVisible()
}

test('a log-in that expires in the middle of a form loses nothing', async ({ page, context }) => {
  let isExpired = true
  await serve(context, {
    ...LIST,
    [CREATE]: (route) =>
      isExpired ? problem(401, 'the token has expired')(route) : route.fulfill({ json: CASHEWS }),
    'POST /api/auth/login': { ...ADA, token: 'fresh' },
    [`GET /api/shipments/${CASHEWS.id}`]: CASHEWS,
  })
  await openAs(page, ADA, '/shipments/new')
  await fillIn(page)
  await page.getByRole('button', { name: 'Create shipment' }).click()
  await expect(page.getByText('Your log-in has expired')).toBeVisible()

  isExpired = false
  await logIn(page, 'ada@example.com')

  await expect(reference(page)).toHaveValue('EXP-2026-014')
  await expect(page.getByText('You have not sent this yet')).toBeVisible()
  await page.getByRole('button', { name: 'Create shipment' }).click()
  await expect(page.getByRole('heading', { name: CASHEWS.reference })).toBeVisible()

  await page.goto('/shipments/new')
  await expect(reference(page)).toHaveValue('')
})

test('a reload, the way back and a crash lose nothing', async ({ page, context }) => {
  await serve(context, LIST)
  await openAs(page, ADA, '/shipments')
  await page.getByRole('link', { name: 'New shipment' }).click()
  await fillIn(page)

  await page.reload()
  await expect(reference(page)).toHaveValue('EXP-2026-014')

  await page.goBack()
  await page.getByRole('link', { name: 'New shipment' }).click()
  await expect(reference(page)).toHaveValue('EXP-2026-014')

  // Without a word to the page, as when its process dies.
  await page.close({ runBeforeUnload: false })
  const another = await context.newPage()
  await openAs(another, ADA, '/shipments/new')
  await expect(reference(another)).toHaveValue('EXP-2026-014')

  await another.getByRole('button', { name: 'Start afresh' }).click()
  await expect(reference(another)).toHaveValue('')
  await another.reload()
  await expect(reference(another)).toHaveValue('')
})

test('who logs in next on the same computer is not shown it', async ({ page, context }) => {
  await serve(context, {
    ...LIST,
    'POST /api/auth/logout': (route) => route.fulfill({ status: 204 }),
    'POST /api/auth/login': (route) =>
      route.fulfill({ json: route.request().postData()?.includes('ben') ? BEN : ADA }),
  })
  await openAs(page, ADA, '/shipments/new')
  await fillIn(page)
  const logOut = async (name: string) => {
    await page.getByRole('button', { name: `Account of ${name}` }).click()
    await page.getByRole('button', { name: 'Log out' }).click()
  }

  await logOut('Ada Obi')
  await logIn(page, 'ben@example.com')
  await page.goto('/shipments/new')
  await expect(reference(page)).toHaveValue('')

  await logOut('Ben Eze')
  await logIn(page, 'ada@example.com')
  await page.goto('/shipments/new')
  await expect(reference(page)).toHaveValue('EXP-2026-014')
})

test('what could not be sent is kept, and sent again under the same key', async ({
  page,
  context,
}) => {
  const keys: (string | undefined)[] = []
  let isCut = true
  await serve(context, {
    ...LIST,
    [CREATE]: (route) => {
      keys.push(route.request().headers()['idempotency-key'])
      return isCut ? route.abort() : route.fulfill({ status: 201, json: CASHEWS })
    },
    [`GET /api/shipments/${CASHEWS.id}`]: CASHEWS,
  })
  await openAs(page, ADA, '/shipments/new')
  await fillIn(page)
  await page.getByRole('button', { name: 'Create shipment' }).click()
  await expect(page.getByRole('alert')).toContainText('TraceHub cannot be reached')

  await page.reload()
  await expect(reference(page)).toHaveValue('EXP-2026-014')
  isCut = false
  await page.getByRole('button', { name: 'Create shipment' }).click()

  await expect(page.getByRole('heading', { name: CASHEWS.reference })).toBeVisible()
  expect(keys).toHaveLength(2)
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
  expect(keys[1]).toBe(keys[0])
})

test('a double click makes one request', async ({ page, context }) => {
  const asked: string[] = []
  const slowly = (json: object) => async (route: Route) => {
    asked.push(new URL(route.request().url()).pathname)
    await new Promise((resolve) => setTimeout(resolve, 300))
    await route.fulfill({ json })
  }
  await serve(context, {
    ...LIST,
    [CREATE]: slowly(CASHEWS),
    'POST /api/auth/login': slowly(ADA),
    [`GET /api/shipments/${CASHEWS.id}`]: CASHEWS,
  })
  await page.goto('/login?from=/shipments/new')
  await page.getByLabel('Email').fill('ada@example.com')
  await page.getByRole('textbox', { name: 'Password' }).fill('correct horse')
  await page.getByRole('button', { name: 'Log in' }).dblclick()
  await fillIn(page)
  // Two clicks before the page can draw anything in between.
  await page
    .getByRole('button', { name: 'Create shipment' })
    .evaluate((button: HTMLButtonElement) => [button.click(), button.click()])

  await expect(page.getByRole('heading', { name: CASHEWS.reference })).toBeVisible()
  expect(asked).toEqual(['/api/auth/login', '/api/shipments'])
})
