import { AxeBuilder } from '@axe-core/playwright'
import { expect, test, type Page } from '@playwright/test'

import {
  ACTIVITY,
  ADA,
  CASHEWS,
  CONTAINERS,
  HISTORY,
  INVITATION,
  ITEMS,
  PARTNERS,
  PEOPLE,
  SESSIONS,
  SHIPMENTS,
} from './samples'
import { openAs, photograph, problem, serve, type Answers } from './site'

const LIST: Answers = { 'GET /api/shipments': { items: SHIPMENTS, next: 'more' } }
const ONE: Answers = {
  [`GET /api/shipments/${CASHEWS.id}`]: CASHEWS,
  [`GET /api/shipments/${CASHEWS.id}/reminders`]: {
    items: [{ kind: 'arrival_overdue', due_on: '2026-03-29', created_at: '2026-03-30T00:01:00Z' }],
  },
  [`GET /api/shipments/${CASHEWS.id}/history`]: { items: HISTORY },
  [`GET /api/shipments/${CASHEWS.id}/partners`]: { items: PARTNERS },
  [`GET /api/shipments/${CASHEWS.id}/containers`]: { items: CONTAINERS },
  [`GET /api/shipments/${CASHEWS.id}/items`]: { items: ITEMS },
  'GET /api/partners': { items: PARTNERS, next: null },
}

type Scene = { name: string; answers: Answers; show: (page: Page) => Promise<void> }

const asAda =
  (address: string, heading: string): Scene['show'] =>
  async (page) => {
    await openAs(page, ADA, address)
    await expect(page.getByRole('heading', { name: heading, exact: true })).toBeVisible()
  }

const SCENES: Scene[] = [
  {
    name: 'log-in',
    answers: {},
    show: async (page) => {
      await page.goto('/login')
      await expect(page.getByRole('button', { name: 'Log in' })).toBeVisible()
    },
  },
  {
    name: 'log-in that was refused',
    answers: { 'POST /api/auth/login': problem(401, 'the address or the password is not right') },
    show: async (page) => {
      await page.goto('/login')
      await page.getByLabel('Email').fill('ada@example.com')
      await page.getByRole('textbox', { name: 'Password' }).fill('wrong')
      await page.getByRole('button', { name: 'Log in' }).click()
      await expect(page.getByRole('alert')).toBeVisible()
    },
  },
  {
    name: 'log-in where one may sign up',
    answers: {
      'GET /api/version': { release: null, commit: null, built_at: null, signs_up: true },
    },
    show: async (page) => {
      await page.goto('/login')
      await expect(page.getByRole('link', { name: 'New here? Sign up' })).toBeVisible()
    },
  },
  {
    name: 'forgotten password',
    answers: {},
    show: async (page) => {
      await page.goto('/forgotten')
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
    },
  },
  {
    name: 'sign-up',
    answers: {
      'GET /api/version': { release: null, commit: null, built_at: null, signs_up: true },
    },
    show: async (page) => {
      await page.goto('/sign-up')
      await expect(page.getByRole('textbox', { name: 'Email' })).toBeVisible()
    },
  },
  {
    name: 'list',
    answers: LIST,
    show: async (page) => {
      await asAda('/shipments', 'Shipments')(page)
      await expect(page.getByText('In transit').first()).toBeVisible()
    },
  },
  {
    name: 'list that is filtered',
    answers: LIST,
    show: asAda('/shipments?stage=in_transit&sort=departure', 'Shipments'),
  },
  {
    name: 'list with the account open',
    answers: LIST,
    show: async (page) => {
      await asAda('/shipments', 'Shipments')(page)
      await page.getByRole('button', { name: 'Account of Ada Obi' }).click()
      await expect(page.getByRole('button', { name: 'Log out' })).toBeVisible()
    },
  },
  {
    name: 'list with nothing in it',
    answers: { 'GET /api/shipments': { items: [], next: null } },
    show: asAda('/shipments', 'No shipments yet'),
  },
  {
    name: 'list that failed',
    answers: {
      'GET /api/shipments': problem(503, 'the database is away', { 'Retry-After': '600' }),
    },
    show: async (page) => {
      await asAda('/shipments', 'Shipments')(page)
      await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible()
    },
  },
  { name: 'new shipment', answers: {}, show: asAda('/shipments/new', 'New shipment') },
  {
    name: 'new shipment for which ports are offered',
    answers: {},
    show: async (page) => {
      await asAda('/shipments/new', 'New shipment')(page)
      // Without its accent.
      await page.getByLabel('Port of origin').fill('lome')
      await expect(page.getByRole('button', { name: 'Lomé' })).toBeVisible()
    },
  },
  {
    name: 'new shipment with errors and a draft',
    answers: {},
    show: async (page) => {
      await asAda('/shipments/new', 'New shipment')(page)
      await page.getByLabel('Reference').fill('EXP-1')
      await page.reload()
      await page.getByRole('button', { name: 'Create shipment' }).click()
      await expect(page.getByText('Say what is shipped')).toBeVisible()
    },
  },
  {
    name: 'shipment',
    answers: ONE,
    show: async (page) => {
      await asAda(`/shipments/${CASHEWS.id}`, CASHEWS.reference)(page)
      await expect(page.getByText('Was to arrive on 29 Mar 2026')).toBeVisible()
    },
  },
  {
    name: 'shipment of which each part is edited',
    answers: { ...ONE, [`GET /api/shipments/${CASHEWS.id}/partners`]: { items: [] } },
    show: async (page) => {
      await asAda(`/shipments/${CASHEWS.id}`, CASHEWS.reference)(page)
      await page.getByRole('button', { name: 'Edit CSQU3054383' }).click()
      await page.getByRole('button', { name: 'Remove MSKU9070323' }).click()
      await page.getByRole('button', { name: 'Add goods' }).click()
      await page.getByLabel('How many packages').fill('many')
      await page.getByRole('button', { name: 'Add goods' }).click()
      await expect(page.getByText('Must be a number')).toBeVisible()
      await page.getByRole('button', { name: 'Add a partner' }).click()
      await expect(page.getByRole('button', { name: 'Kakao & Söhne · DE' })).toBeVisible()
      // What is below the header, which stays, is no place to press.
      await page.evaluate(() => window.scrollTo(0, 0))
    },
  },
  {
    name: 'partners, and a new one',
    answers: ONE,
    show: async (page) => {
      await asAda('/partners', 'Partners')(page)
      await page.getByRole('button', { name: 'New partner' }).click()
      await expect(page.getByLabel('EORI number')).toBeVisible()
    },
  },
  {
    name: 'shipment that is edited',
    answers: ONE,
    show: asAda(`/shipments/${CASHEWS.id}/edit`, `Edit ${CASHEWS.reference}`),
  },
  {
    name: 'shipment that somebody else has changed meanwhile',
    answers: {
      ...ONE,
      [`PATCH /api/shipments/${CASHEWS.id}`]: (route) =>
        route.fulfill({
          status: 412,
          contentType: 'application/problem+json',
          json: {
            type: '/problems/changed-since',
            title: 'Precondition Failed',
            status: 412,
            detail: 'somebody has changed it since you saw it',
            current: { ...CASHEWS, vessel: 'MSC Zoe', buyer: 'Chocolaterie Lefèvre', version: 4 },
          },
        }),
    },
    show: async (page) => {
      await asAda(`/shipments/${CASHEWS.id}/edit`, `Edit ${CASHEWS.reference}`)(page)
      await page.getByLabel('Vessel').fill('Maersk Tema')
      await page.getByRole('button', { name: 'Save changes' }).click()
      await expect(page.getByText('Theirs: MSC Zoe')).toBeVisible()
    },
  },
  {
    name: 'shipment that there is not',
    answers: { 'GET /api/shipments/nope': problem(404, 'no such shipment') },
    show: asAda('/shipments/nope', 'There is no such shipment'),
  },
  {
    name: 'people, and a link that was made for somebody',
    answers: {
      'GET /api/people': { items: PEOPLE },
      'GET /api/invitations': { items: [INVITATION] },
      'POST /api/people/3/password-link': {
        path: `/welcome#${'x'.repeat(43)}`,
        expires_at: '2026-03-02T09:00:00Z',
      },
    },
    show: async (page) => {
      await asAda('/people', 'People')(page)
      await page.getByRole('button', { name: 'New password: Chidi Okafor' }).click()
      await expect(page.getByLabel('Link', { exact: true })).toBeVisible()
    },
  },
  {
    name: 'activity',
    answers: {
      'GET /api/history': { items: ACTIVITY, next: 'older' },
      'GET /api/people': { items: PEOPLE },
    },
    show: asAda('/activity', 'Activity'),
  },
  {
    name: 'partner and its history',
    answers: {
      'GET /api/history': { items: ACTIVITY.slice(2, 3), next: null },
      [`GET /api/partners/${PARTNERS[0]!.id}`]: PARTNERS[0]!,
    },
    show: asAda(`/partners/${PARTNERS[0]!.id}`, PARTNERS[0]!.name),
  },
  {
    name: "account of one's own",
    answers: { 'GET /api/auth/sessions': { items: SESSIONS } },
    show: async (page) => {
      await asAda('/account', 'Your account')(page)
      await expect(page.getByText('This browser')).toBeVisible()
    },
  },
  {
    name: 'invitation',
    answers: {
      'POST /api/links/look': {
        kind: 'invitation',
        organisation: 'Obi Export',
        email: 'grace@example.com',
        role: 'member',
      },
    },
    show: async (page) => {
      await page.goto('/welcome#secret')
      await expect(page.getByRole('heading', { name: 'Welcome to Obi Export' })).toBeVisible()
    },
  },
  {
    name: 'link that is gone',
    answers: { 'POST /api/links/look': problem(410, 'this link was used already') },
    show: async (page) => {
      await page.goto('/welcome#secret')
      await expect(page.getByText('This link is not good any more')).toBeVisible()
    },
  },
  { name: 'page that there is not', answers: {}, show: asAda('/nowhere', 'There is no such page') },
  {
    name: 'log-in that ends soon, without a connection',
    answers: LIST,
    show: async (page) => {
      const soon = new Date(Date.now() + 200_000).toISOString()
      await openAs(page, { ...ADA, expires_at: soon }, '/shipments')
      await expect(page.getByRole('button', { name: 'Stay logged in' })).toBeVisible()
      await page.context().setOffline(true)
      await expect(page.getByText('You are offline')).toBeVisible()
    },
  },
]

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme, contextOptions: { reducedMotion: 'reduce' } })

    for (const { name, answers, show } of SCENES) {
      test(`axe finds nothing at any width on: ${name}`, async ({ page, context }) => {
        await serve(context, answers)
        await show(page)
        for (const width of [360, 768, 1280]) {
          await page.setViewportSize({ width, height: 900 })
          await photograph(page, `${name} ${colorScheme} ${width}`)
          expect(await violations(page), `${width} px`).toEqual([])
        }
      })
    }
  })
}

async function violations(page: Page): Promise<string[]> {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
  const found = await new AxeBuilder({ page })
    .options({
      runOnly: { type: 'tag', values: tags },
      // Experimental, and what people need who speak to their computers: they say what they see.
      rules: { 'label-content-name-mismatch': { enabled: true } },
    })
    .analyze()
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}
