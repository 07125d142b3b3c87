import { expect, test } from '@playwright/test'

import { ADA, SHIPMENTS } from './samples'
import { openAs, serve } from './site'

const FIRST = SHIPMENTS[0]!

test('after a navigation the focus is at the content, and the page is announced', async ({
  page,
  context,
}) => {
  await serve(context, {
    'GET /api/shipments': { items: SHIPMENTS, next: null },
    [`GET /api/shipments/${FIRST.id}`]: FIRST,
    [`GET /api/shipments/${FIRST.id}/reminders`]: { items: [] },
  })
  await openAs(page, ADA, '/shipments')
  const announced = page.getByRole('status', { name: 'Page' })
  await expect(announced).toHaveText('')

  await page.getByRole('link', { name: FIRST.reference }).click()
  await expect(page.getByRole('main')).toBeFocused()
  await expect(announced).toHaveText(FIRST.reference)

  await page.keyboard.press('Tab')
  await expect(page.getByRole('link', { name: 'All shipments' })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('main')).toBeFocused()
  await expect(announced).toHaveText('Shipments')

  // To type is not to navigate.
  await page.getByRole('searchbox').fill('cashew')
  await expect(page).toHaveURL(/search=cashew/)
  await expect(page.getByRole('searchbox')).toBeFocused()
})

test('the account opens and closes by keyboard', async ({ page, context }) => {
  await serve(context, { 'GET /api/shipments': { items: SHIPMENTS, next: null } })
  await openAs(page, ADA, '/shipments')
  const account = page.getByRole('button', { name: 'Account of Ada Obi' })

  await account.focus()
  await page.keyboard.press('Enter')
  await expect(account).toHaveAttribute('aria-expanded', 'true')
  await page.keyboard.press('Tab')
  await expect(page.getByRole('link', { name: 'Your account' })).toBeFocused()
  await page.keyboard.press('Tab')
  await expect(page.getByRole('link', { name: 'Activity' })).toBeFocused()
  await page.keyboard.press('Tab')
  await expect(page.getByRole('link', { name: 'Partners' })).toBeFocused()
  await page.keyboard.press('Tab')
  await expect(page.getByRole('link', { name: 'People' })).toBeFocused()
  await page.keyboard.press('Tab')
  await expect(page.getByRole('button', { name: 'Français' })).toBeFocused()
  await page.keyboard.press('Tab')
  await expect(page.getByRole('button', { name: 'Log out' })).toBeFocused()
  await page.keyboard.press('Escape')
  await expect(account).toBeFocused()
  await expect(page.getByRole('button', { name: 'Log out' })).toBeHidden()
})
