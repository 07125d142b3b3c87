import { screen, waitFor } from '@testing-library/react'
import { expect, test, vi } from 'vitest'

import { fakeApi, json } from '../test/fakeApi'
import { openAsAda } from '../test/open'
import { CASHEWS } from '../test/samples'

const SLOWLY = { timeout: 10_000 }

test('what narrows the list stands in the address, asks the API, and goes again', async () => {
  const asked = fakeApi({ 'GET /api/shipments': () => json({ items: [CASHEWS], next: null }) })
  const { user, address } = openAsAda('/shipments?search=cashew')
  await user.click(await screen.findByRole('button', { name: 'Filter and sort' }, SLOWLY))
  await user.selectOptions(screen.getByLabelText('Stage'), 'in_transit')
  await user.type(screen.getByLabelText('Departs from'), '2026-03-01')
  await user.selectOptions(screen.getByLabelText('First'), 'departure')

  const last = () => new URL(asked.at(-1)!.url).searchParams
  await waitFor(() => expect(last().get('sort')).toBe('departure'))
  expect(Object.fromEntries(last())).toMatchObject({
    search: 'cashew',
    stage: 'in_transit',
    departs_from: '2026-03-01',
  })
  expect(address()).toContain('stage=in_transit')

  await user.click(screen.getByRole('button', { name: 'Show all of them' }))
  await waitFor(() => expect(address()).toBe('/shipments?search=cashew'))
})

test('the file that the browser keeps is of what is shown', async () => {
  const save = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => {})
  URL.createObjectURL = () => 'blob:1'
  URL.revokeObjectURL = () => {}
  const asked = fakeApi({
    'GET /api/shipments': () => json({ items: [CASHEWS], next: null }),
    'GET /api/shipments/csv': () => new Response('reference\r\nEXP-1\r\n'),
  })
  const { user } = openAsAda('/shipments?stage=in_transit')
  await user.click(await screen.findByRole('button', { name: 'Download as CSV' }, SLOWLY))
  await waitFor(() => expect(save).toHaveBeenCalled())
  expect(asked.some(({ url }) => url.endsWith('/api/shipments/csv?stage=in_transit'))).toBe(true)
})
