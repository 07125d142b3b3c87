import { expect, test } from '@playwright/test'

test('a user logs in, creates a shipment, finds it in the list and opens it', async ({ page }) => {
  const reference = `BROWSER-${Date.now()}`

  await page.goto('/')
  await page.getByLabel('Email').fill(process.env.TRACEHUB_EMAIL!)
  await page.getByRole('textbox', { name: 'Password' }).fill(process.env.TRACEHUB_PASSWORD!)
  await page.getByRole('button', { name: 'Log in' }).click()
  await expect(page.getByRole('heading', { name: 'Shipments', exact: true })).toBeVisible()

  await page.getByRole('link', { name: 'New shipment' }).click()
  await page.getByLabel('Reference').fill(reference)
  await page.getByLabel('Container number').fill('CSQU3054383')
  await page.getByLabel('Product').fill('Cashew kernels')
  await page.getByLabel('Port of origin').fill('Lagos')
  await page.getByLabel('Port of destination').fill('Hamburg')
  await page.getByLabel('Departs on').fill('2026-03-01')
  await page.getByLabel('Arrives on').fill('2026-03-29')
  await page.getByRole('button', { name: 'Create shipment' }).click()
  await expect(page.getByRole('heading', { name: reference })).toBeVisible()

  await page.getByRole('link', { name: 'All shipments' }).click()
  await page.getByRole('searchbox').fill(reference)
  await page.getByRole('row', { name: reference }).getByRole('link').click()

  await expect(page.getByRole('heading', { name: reference })).toBeVisible()
  await expect(page.getByText('CSQU3054383').first()).toBeVisible()
  await expect(page.getByText('Departs 1 Mar 2026')).toBeVisible()

  await page.getByRole('link', { name: 'Edit' }).click()
  await page.getByLabel('Vessel').fill('MSC Ada')
  await page.getByRole('button', { name: 'Save changes' }).click()
  await expect(page.getByText('Vessel: nothing → MSC Ada')).toBeVisible()
  await page.getByRole('button', { name: 'Move to papers pending' }).click()
  await expect(page.getByText('Moved it from Draft to Papers pending')).toBeVisible()
})
