import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'

import { fakeApi, json } from '../test/fakeApi'
import { openAsAda } from '../test/open'

const nothing = { 'GET /api/shipments': () => json({ items: [], next: null }) }

test('the header names the environment, the footer the release', async () => {
  fakeApi(nothing)
  openAsAda('/shipments', { environment: 'staging', release: '20260103t120000z-1a2b3c4d5e6f' })

  expect(await screen.findByText('staging')).toBeVisible()
  expect(screen.getByText('Release 20260103t120000z-1a2b3c4d5e6f')).toBeVisible()
})

test('production needs no badge', async () => {
  fakeApi(nothing)
  openAsAda('/shipments', { environment: 'production', release: 'r1' })

  expect(await screen.findByText('Release r1')).toBeVisible()
  expect(screen.queryByText('production')).not.toBeInTheDocument()
})

test('an address that leads nowhere says so', async () => {
  fakeApi(nothing)
  openAsAda('/nowhere')

  expect(await screen.findByText('There is no such page')).toBeVisible()
})
