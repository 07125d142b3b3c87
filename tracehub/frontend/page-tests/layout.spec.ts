import { expect, test, type Page } from '@playwright/test'

import {
  CASHEWS,
  LONG_ACTIVITY,
  LONG_ADA,
  LONG_CONTAINERS,
  LONG_HISTORY,
  LONG_ITEMS,
  LONG_PARTNERS,
  LONG_PEOPLE,
  LONGEST,
  SESSIONS,
} from './samples'
import { openAs, photograph, serve } from './site'

const LONG = LONGEST[2]!
const PAGES = [
  { name: 'list', address: '/shipments' },
  { name: 'shipment', address: `/shipments/${CASHEWS.id}` },
  { name: 'shipment that is edited', address: `/shipments/${CASHEWS.id}/edit` },
  { name: 'new shipment', address: '/shipments/new' },
  { name: 'list of people', address: '/people' },
  { name: 'list of partners', address: '/partners' },
  { name: 'partner', address: '/partners/1' },
  { name: 'activity', address: '/activity' },
  { name: 'account', address: '/account' },
  { name: 'search without a hit', address: `/shipments?search=${'W'.repeat(120)}` },
]

for (const { name, address } of PAGES) {
  test(`with the longest of everything, the ${name} fits 360 px to 1920 px`, async ({
    page,
    context,
  }) => {
    await serve(context, {
      'GET /config.json': { environment: 'a-long-environment', release: 'r'.repeat(63) },
      'GET /api/shipments': (route) => {
        const search = new URL(route.request().url()).searchParams.get('search')
        return route.fulfill({ json: { items: search ? [] : LONGEST, next: null } })
      },
      [`GET /api/shipments/${CASHEWS.id}`]: LONG,
      [`GET /api/shipments/${CASHEWS.id}/reminders`]: { items: [] },
      'GET /api/people': { items: LONG_PEOPLE },
      'GET /api/auth/sessions': { items: SESSIONS },
      'GET /api/invitations': {
        items: LONG_PEOPLE.map((it) => ({ ...it, expires_at: it.created_at })),
      },
      [`GET /api/shipments/${CASHEWS.id}/history`]: { items: LONG_HISTORY },
      [`GET /api/shipments/${CASHEWS.id}/partners`]: { items: LONG_PARTNERS },
      [`GET /api/shipments/${CASHEWS.id}/containers`]: { items: LONG_CONTAINERS },
      [`GET /api/shipments/${CASHEWS.id}/items`]: { items: LONG_ITEMS },
      'GET /api/partners': { items: LONG_PARTNERS, next: null },
      'GET /api/partners/1': LONG_PARTNERS[0]!,
      'GET /api/history': { items: LONG_ACTIVITY, next: 'older' },
    })
    await openAs(page, LONG_ADA, address)
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
    await expect(page.getByText(/^Release r/)).toBeVisible()
    await expect(page.getByRole('status', { name: /^Loading/ })).toHaveCount(0)
    await page.waitForFunction(() => document.fonts.check("16px 'Inter Variable'"))

    const account = page.getByRole('button', { name: /^Account of/ })
    for (const width of [360, 480, 768, 897, 1024, 1280, 1440, 1920]) {
      await page.setViewportSize({ width, height: 900 })
      expect(await whatIsCovered(page), `${width} px`).toEqual([])
      await account.click()
      await photograph(page, `long ${name} ${width}`)
      expect(await whatIsCut(page), `${width} px`).toEqual([])
      await account.click()
    }

    // French says most things in more letters.
    await account.click()
    await page.getByRole('button', { name: 'Français' }).click()
    await expect(page.locator('html')).toHaveAttribute('lang', 'fr')
    for (const width of [360, 1280]) {
      await page.setViewportSize({ width, height: 900 })
      await photograph(page, `long ${name} ${width} fr`)
      expect(await whatIsCut(page), `${width} px in French`).toEqual([])
    }
  })
}

/** What leaves the page at its side, and words that are not shown whole. */
function whatIsCut(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth
    const seen = [...document.querySelectorAll('body *')].filter((it) => it.checkVisibility())
    const beyond = seen.filter((it) => {
      const { left, right, width: own } = it.getBoundingClientRect()
      return own > 1 && (right > width + 1 || left < -1)
    })
    const cut = seen.filter((it) => {
      const { overflowX } = getComputedStyle(it)
      // The account's button says the organisation's name as far as there is room; what it opens, the whole of it.
      const isShortened = it.closest('header') && getComputedStyle(it).textOverflow === 'ellipsis'
      return (
        !isShortened &&
        overflowX !== 'visible' &&
        it.scrollWidth > it.clientWidth + 1 &&
        it.clientWidth > 1
      )
    })
    const halved = seen.filter(
      (it) => getComputedStyle(it).overflowY === 'hidden' && it.scrollHeight > it.clientHeight + 2,
    )
    const name = (it: Element) =>
      `${it.tagName} ${it.className.toString()} ${(it.textContent ?? '').slice(0, 40)}`
    return [
      ...halved
        .filter((it) => it.matches('.mantine-Badge-root'))
        .map((it) => `cut below: ${name(it)}`),
      ...beyond.map((it) => `beyond the page: ${name(it)}`),
      ...cut.filter((it) => it.tagName !== 'INPUT').map((it) => `cut: ${name(it)}`),
    ]
  })
}

/** Badges of which one end lies below something else. */
function whatIsCovered(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('.mantine-Badge-root')]
      .filter((badge) => {
        const { left, right, top, bottom } = badge.getBoundingClientRect()
        const middle = (top + bottom) / 2
        if (middle > window.innerHeight) return false
        const ends = [left + 2, right - 2].map((x) => document.elementFromPoint(x, middle))
        return ends.some((it) => !it || !badge.contains(it))
      })
      .map((badge) => badge.textContent ?? ''),
  )
}
