import { screen, within } from '@testing-library/react'
import { expect, test, vi } from 'vitest'

import { fakeApi, json, problem } from '../test/fakeApi'
import { openAsAda } from '../test/open'

const HISTORY = 'GET /api/history'
const ADA = { id: 'user-1', name: 'Ada Obi' }

let entries = 0
function entry(more: object, at = '2026-03-29T09:00:00Z') {
  return { id: String(++entries), at, by: ADA, what: 'changed', changes: [], ...more }
}

const subject = (kind: string, name: string, exists = true) => ({
  kind,
  id: `${kind}-1`,
  name,
  exists,
})
const change = (field: string, before: string | null, after: string | null) => ({
  field,
  before,
  after,
})

test('each thing that happened is a sentence with a link to what it is about', async () => {
  const role = [change('role', null, 'member')]
  fakeApi({
    [HISTORY]: () =>
      json({
        items: [
          entry({ subject: subject('shipment', 'EXP-1'), what: 'created' }),
          entry({
            subject: subject('shipment', 'EXP-2'),
            changes: [change('stage', 'draft', 'docs_pending'), change('vessel', null, 'MSC Ada')],
          }),
          entry({
            subject: subject('shipment', 'EXP-3'),
            changes: [change('paper', null, 'packing_list list.pdf')],
          }),
          entry({
            subject: subject('partner', 'Kakao', false),
            what: 'removed',
            changes: [change('kind', 'buyer', null)],
          }),
          entry({
            subject: subject('partner', 'Noten'),
            changes: [change('country', null, 'DE'), change('weight', '1', '2')],
          }),
          entry({
            subject: subject('person', 'eve@example.com', false),
            what: 'invited',
            changes: role,
          }),
          entry({ subject: subject('person', 'Joan'), what: 'joined', changes: role }),
          entry({ subject: subject('warehouse', 'Hall 4'), what: 'moved_house' }),
        ],
        next: null,
      }),
  })
  openAsAda('/activity')

  const list = await screen.findByRole('list', { name: /Sunday,? 29 March 2026/ })
  const said = within(list).getAllByRole('listitem')
  for (const [place, words] of [
    'Ada Obi created the shipment EXP-1',
    'Ada Obi moved EXP-2 from Draft to Papers pending',
    'Ada Obi changed the papers of EXP-3',
    'Ada Obi removed the partner Kakao',
    'Ada Obi changed the partner Noten',
    'Ada Obi invited eve@example.com (Member)',
    'Joan joined (Member)',
    'Ada Obi: Hall 4 (moved_house)',
  ].entries()) {
    expect(said[place]).toHaveTextContent(words)
  }
  expect(said[1]).toHaveTextContent('Vessel: nothing → MSC Ada')
  expect(said[2]).toHaveTextContent('Brought Packing list (list.pdf)')
  expect(said[4]).toHaveTextContent('Country: nothing → DE')
  expect(said[4]).toHaveTextContent('weight: 1 → 2')
  const links = within(list).getAllByRole('link')
  expect(links.map((link) => link.getAttribute('href'))).toEqual([
    '/shipments/shipment-1',
    '/shipments/shipment-1',
    '/shipments/shipment-1',
    '/partners/partner-1',
    '/people',
  ])
})

test('days have their names, and older ones are fetched from where the page ended', async () => {
  vi.setSystemTime('2026-03-29T12:00:00Z')
  const created = { subject: subject('shipment', 'EXP-1'), what: 'created' }
  const asked = fakeApi({
    [HISTORY]: (request) =>
      new URL(request.url).searchParams.get('after') === 'page-2'
        ? json({ items: [entry(created, '2026-03-28T08:00:00Z')], next: null })
        : json({ items: [entry(created), entry(created, '2026-03-28T09:00:00Z')], next: 'page-2' }),
  })
  const { user } = openAsAda('/activity')

  expect(await screen.findByRole('heading', { name: 'Today' })).toBeVisible()
  await user.click(screen.getByRole('button', { name: 'Show older' }))

  const yesterday = screen.getByRole('list', { name: 'Yesterday' })
  expect(await within(yesterday).findAllByRole('listitem')).toHaveLength(2)
  expect(asked.filter(({ url }) => url.includes('/api/history'))).toHaveLength(2)
  vi.useRealTimers()
})

test('what narrows it is asked for, and stands in the address', async () => {
  const asked = fakeApi({
    [HISTORY]: () => json({ items: [], next: null }),
    'GET /api/people': () => json({ items: [{ ...ADA, role: 'owner' }] }),
  })
  const { user, address } = openAsAda('/activity')

  expect(
    await screen.findByText('Once somebody enters or changes something, it stands here.'),
  ).toBeVisible()
  await user.selectOptions(screen.getByRole('combobox', { name: 'About' }), 'People')
  await screen.findByRole('option', { name: 'Ada Obi' })
  await user.selectOptions(screen.getByRole('combobox', { name: 'By' }), 'Ada Obi')

  expect(address()).toBe('/activity?kind=person&by=user-1')
  expect(await screen.findByText(/Perhaps with fewer filters/)).toBeVisible()
  const last = asked.filter(({ url }) => url.includes('/api/history')).at(-1)
  expect(new URL(last!.url).search).toBe('?limit=50&kind=person&by=user-1')
})

test('a failure is said, and trying again mends it', async () => {
  let broken = true
  fakeApi({
    [HISTORY]: () =>
      broken
        ? problem(400, 'Not today')
        : json({ items: [entry({ subject: subject('shipment', 'EXP-1'), what: 'created' })] }),
  })
  const { user } = openAsAda('/activity')

  expect(await screen.findByRole('alert')).toHaveTextContent('Not today')
  broken = false
  await user.click(screen.getByRole('button', { name: 'Try again' }))
  expect(await screen.findByRole('link', { name: 'EXP-1' })).toBeVisible()
})

test('the page of a partner that was removed still says who did', async () => {
  const asked = fakeApi({
    [HISTORY]: () =>
      json({ items: [entry({ subject: subject('partner', 'Kakao', false), what: 'removed' })] }),
    'GET /api/partners/partner-1': () => problem(404, 'There is nothing here'),
  })
  openAsAda('/partners/partner-1')

  expect(await screen.findByText('There is no such partner')).toBeVisible()
  expect(await screen.findByRole('listitem')).toHaveTextContent('Ada Obi removed the partner Kakao')
  const of = asked.find(({ url }) => url.includes('/api/history'))
  expect(new URL(of!.url).searchParams.get('about')).toBe('partner-1')
})
