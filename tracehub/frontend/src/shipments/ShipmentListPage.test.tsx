import { screen, waitFor, within } from '@testing-library/react'
import { expect, test } from 'vitest'

import { fakeApi, json, problem } from '../test/fakeApi'
import { openAsAda } from '../test/open'
import { CASHEWS, SESAME } from '../test/samples'
import { phoneScreen } from '../test/screen'

const LIST = 'GET /api/shipments'

test('while it loads, it says so', async () => {
  fakeApi({ [LIST]: () => new Promise(() => {}) })
  openAsAda('/shipments')

  expect(await screen.findByRole('status', { name: 'Loading shipments' })).toBeVisible()
})

test('each shipment is a row with its status, journey, container and dates', async () => {
  fakeApi({ [LIST]: () => json({ items: [CASHEWS, SESAME], next: null }) })
  openAsAda('/shipments')

  const [, first, second] = await screen.findAllByRole('row')
  for (const text of ['EXP-1', 'Cashew kernels', 'In transit', 'MSKU1234565', '1 Mar 2026']) {
    expect(within(first!).getByText(text)).toBeVisible()
  }
  expect(first).toHaveTextContent(/Lagos\s*to\s*Hamburg/)
  expect(within(second!).getByText('Draft')).toBeVisible()
  expect(within(second!).getAllByText('–')).toHaveLength(3)
  expect(screen.queryByRole('button', { name: 'Show more' })).not.toBeInTheDocument()
})

test('with none yet, it offers to create the first', async () => {
  fakeApi({ [LIST]: () => json({ items: [], next: null }) })
  openAsAda('/shipments')

  const link = await screen.findByRole('link', { name: 'Create your first shipment' })
  expect(link).toHaveAttribute('href', '/shipments/new')
})

test('a failure is said with its request number, and trying again mends it', async () => {
  let broken = true
  fakeApi({
    [LIST]: () =>
      broken
        ? problem(400, 'The page marker is not valid', { request_id: 'r-7' })
        : json({ items: [CASHEWS], next: null }),
  })
  const { user } = openAsAda('/shipments')

  expect(await screen.findByRole('alert')).toHaveTextContent('The page marker is not valid')
  expect(screen.getByRole('alert')).toHaveTextContent('r-7')

  broken = false
  await user.click(screen.getByRole('button', { name: 'Try again' }))

  expect(await screen.findByRole('link', { name: 'EXP-1' })).toBeVisible()
})

test('a search asks the API once the typing pauses, and stands in the address', async () => {
  const asked = fakeApi({
    [LIST]: (request) => {
      const search = new URL(request.url).searchParams.get('search')
      return json({ items: search === 'zebra' ? [] : [CASHEWS], next: null })
    },
  })
  const { user, address } = openAsAda('/shipments')

  await user.type(await screen.findByRole('searchbox'), 'zebra')

  expect(await screen.findByText('Nothing found')).toBeVisible()
  expect(address()).toBe('/shipments?search=zebra')
  expect(asked.map(({ url }) => new URL(url).searchParams.get('search'))).toEqual([null, 'zebra'])

  await user.click(screen.getByRole('button', { name: 'Clear the search' }))

  expect(await screen.findByRole('link', { name: 'EXP-1' })).toBeVisible()
  expect(address()).toBe('/shipments')
})

test('a search that looks like a number is kept as it was typed', async () => {
  fakeApi({ [LIST]: () => json({ items: [CASHEWS], next: null }) })
  openAsAda('/shipments?search=4711')

  expect(await screen.findByRole('searchbox')).toHaveValue('4711')
})

test('more are fetched from where the last page ended', async () => {
  const asked = fakeApi({
    [LIST]: (request) =>
      new URL(request.url).searchParams.get('after') === 'page-2'
        ? json({ items: [SESAME], next: null })
        : json({ items: [CASHEWS], next: 'page-2' }),
  })
  const { user } = openAsAda('/shipments')

  await user.click(await screen.findByRole('button', { name: 'Show more' }))

  expect(await screen.findByRole('link', { name: 'EXP-2' })).toBeVisible()
  expect(screen.getByRole('link', { name: 'EXP-1' })).toBeVisible()
  await waitFor(() => expect(asked).toHaveLength(2))
})

test('on a phone the shipments are cards', async () => {
  phoneScreen()
  fakeApi({ [LIST]: () => json({ items: [CASHEWS], next: null }) })
  openAsAda('/shipments')

  const cards = await screen.findByRole('list', { name: 'Shipments' })
  expect(within(cards).getByRole('link')).toHaveTextContent('EXP-1')
  expect(screen.queryByRole('table')).not.toBeInTheDocument()
})

test('a click anywhere on a row opens the shipment', async () => {
  fakeApi({
    [LIST]: () => json({ items: [CASHEWS], next: null }),
    [`GET /api/shipments/${CASHEWS.id}`]: () => json(CASHEWS),
  })
  const { user, address } = openAsAda('/shipments')

  await user.click(await screen.findByText('MSKU1234565'))

  expect(await screen.findByText('Departs 1 Mar 2026')).toBeVisible()
  expect(address()).toBe(`/shipments/${CASHEWS.id}`)
})
