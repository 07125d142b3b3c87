import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'

import { fakeApi, json } from '../test/fakeApi'
import { openAsAda } from '../test/open'

const STAGING = { environment: 'staging', release: '20260103t120000z-1a2b3c4d5e6f' }
const nothing = { 'GET /api/shipments': () => json({ items: [], next: null }) }

test('the header names the environment, the footer the release', async () => {
  fakeApi(nothing)
  openAsAda('/shipments', () => Promise.resolve(STAGING))

  expect(await screen.findByText('staging')).toBeVisible()
  expect(screen.getByText('Release 20260103t120000z-1a2b3c4d5e6f')).toBeVisible()
})

test('production needs no badge', async () => {
  fakeApi(nothing)
  openAsAda('/shipments', () => Promise.resolve({ environment: 'production', release: 'r1' }))

  expect(await screen.findByText('Release r1')).toBeVisible()
  expect(screen.queryByText('production')).not.toBeInTheDocument()
})

test('an address that leads nowhere says so', async () => {
  fakeApi(nothing)
  openAsAda('/nowhere')

  expect(await screen.findByText('There is no such page')).toBeVisible()
})

test('without its settings the page works, says so and asks again', async () => {
  fakeApi(nothing)
  let isThere = false
  const { user } = openAsAda('/shipments', () =>
    isThere ? Promise.resolve(STAGING) : Promise.reject(new Error('no settings')),
  )

  expect(await screen.findByText(/TraceHub did not say which release/)).toBeVisible()
  expect(screen.getByText('unknown')).toBeVisible()

  isThere = true
  await user.click(screen.getByRole('button', { name: 'Try again' }))

  expect(await screen.findByText(/^Release /)).toBeVisible()
  expect(screen.queryByText('unknown')).not.toBeInTheDocument()
})
