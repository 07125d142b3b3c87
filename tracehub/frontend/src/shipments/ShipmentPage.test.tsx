import { screen, waitFor, within } from '@testing-library/react'
import { expect, test } from 'vitest'

import { fakeApi, json, problem } from '../test/fakeApi'
import { openAsAda } from '../test/open'
import { CASHEWS, SESAME } from '../test/samples'

test('a shipment shows its journey and how far along it is', async () => {
  fakeApi({ [`GET /api/shipments/${CASHEWS.id}`]: () => json(CASHEWS) })
  openAsAda(`/shipments/${CASHEWS.id}`)

  expect(await screen.findByText('Departs 1 Mar 2026')).toBeVisible()
  expect(screen.getByText('Arrives 29 Mar 2026')).toBeVisible()
  expect(screen.getByText('28 days')).toBeVisible()
  const current = screen.getAllByRole('listitem').filter((step) => step.ariaCurrent === 'step')
  expect(current.map((step) => step.textContent)).toEqual(['In transit'])
})

test('a shipment says which of its days have passed in vain', async () => {
  const due = { kind: 'arrival_overdue', due_on: '2026-03-29', created_at: '2026-03-30T00:01:00Z' }
  fakeApi({
    [`GET /api/shipments/${CASHEWS.id}`]: () => json(CASHEWS),
    [`GET /api/shipments/${CASHEWS.id}/reminders`]: () => json({ items: [due] }),
  })
  openAsAda(`/shipments/${CASHEWS.id}`)

  const reminder = await screen.findByRole('status', { name: 'Was to arrive on 29 Mar 2026' })
  expect(reminder).toHaveTextContent('Nobody had reported it by 30 Mar 2026.')
})

test('a release without reminders shows the shipment all the same', async () => {
  const asked = fakeApi({
    [`GET /api/shipments/${CASHEWS.id}`]: () => json(CASHEWS),
    [`GET /api/shipments/${CASHEWS.id}/reminders`]: () => problem(404, 'Not Found'),
  })
  openAsAda(`/shipments/${CASHEWS.id}`)

  expect(await screen.findByText('Arrives 29 Mar 2026')).toBeVisible()
  await waitFor(() => expect(asked.some(({ url }) => url.endsWith('/reminders'))).toBe(true))
  expect(screen.queryByRole('alert')).not.toBeInTheDocument()
})

test('what is not known yet is said', async () => {
  fakeApi({ [`GET /api/shipments/${SESAME.id}`]: () => json(SESAME) })
  openAsAda(`/shipments/${SESAME.id}`)

  expect(await screen.findByText('Not assigned yet')).toBeVisible()
  expect(screen.getByText('Departs: not known yet')).toBeVisible()
})

test('a shipment that does not exist is no error of ours', async () => {
  fakeApi({ 'GET /api/shipments/nope': () => problem(404, 'No such shipment') })
  openAsAda('/shipments/nope')

  expect(await screen.findByText('There is no such shipment')).toBeVisible()
  expect(screen.queryByRole('alert')).not.toBeInTheDocument()
})

test('a shipment is moved to where it may go, and says who moved it', async () => {
  const arrived = {
    ...CASHEWS,
    stage: 'arrived',
    next_stages: ['customs', 'delivered', 'in_transit'],
    version: 4,
  }
  const entry = {
    id: '1',
    at: '2026-03-29T09:00:00Z',
    by: { id: '1', name: 'Ada Obi' },
    what: 'changed',
    changes: [
      { field: 'stage', before: 'in_transit', after: 'arrived' },
      { field: 'vessel', before: null, after: 'MSC Ada' },
      { field: 'paper', before: null, after: 'packing_list list of may.pdf' },
    ],
  }
  let there: object = CASHEWS
  const asked = fakeApi({
    [`GET /api/shipments/${CASHEWS.id}`]: () => json(there),
    [`GET /api/shipments/${CASHEWS.id}/history`]: () =>
      json({ items: there === CASHEWS ? [] : [entry] }),
    [`PATCH /api/shipments/${CASHEWS.id}`]: () => json((there = arrived)),
  })
  const { user } = openAsAda(`/shipments/${CASHEWS.id}`)

  expect(await screen.findByRole('button', { name: 'Back to papers complete' })).toBeVisible()
  await user.click(screen.getByRole('button', { name: 'Move to arrived' }))

  expect(await screen.findByRole('button', { name: 'Move to customs' })).toBeVisible()
  expect(screen.getByText('It is at Arrived now.')).toHaveRole('status')
  expect(screen.getByRole('group', { name: 'Move on' })).toHaveFocus()
  expect(await screen.findByText('Moved it from In transit to Arrived')).toBeVisible()
  expect(screen.getByText('Vessel: nothing → MSC Ada')).toBeVisible()
  expect(screen.getByText('Brought Packing list (list of may.pdf)')).toBeVisible()
  const change = asked.find(({ method }) => method === 'PATCH')
  expect(await change?.json()).toEqual({ stage: 'arrived' })
  expect(change?.headers.get('If-Match')).toBe('"3"')
})

test.each([
  ['draft', 0],
  ['docs_pending', 1],
  ['delivered', 7],
] as const)('what was archived from %s has no steps behind it but %i', async (before, done) => {
  const archived = { ...CASHEWS, stage: 'archived', next_stages: [...new Set([before, 'draft'])] }
  fakeApi({ [`GET /api/shipments/${CASHEWS.id}`]: () => json(archived) })
  openAsAda(`/shipments/${CASHEWS.id}`)

  const progress = within(await screen.findByRole('list', { name: 'Progress' }))
  const steps = progress.getAllByRole('listitem')
  expect(steps).toHaveLength(7)
  expect(steps.filter((step) => step.dataset.done)).toHaveLength(done)
  expect(steps.filter((step) => step.ariaCurrent)).toHaveLength(0)
})

test('older entries of the history are shown to who asks for them', async () => {
  const entry = (id: string) => ({
    id,
    at: '2026-03-29T09:00:00Z',
    by: { id: '1', name: 'Ada Obi' },
    what: 'changed',
    changes: [{ field: 'vessel', before: null, after: `MSC ${id}` }],
  })
  fakeApi({
    [`GET /api/shipments/${CASHEWS.id}`]: () => json(CASHEWS),
    [`GET /api/shipments/${CASHEWS.id}/history`]: ({ url }) =>
      new URL(url).searchParams.get('after') === '2'
        ? json({ items: [entry('1')] })
        : json({ items: [entry('3'), entry('2')], next: '2' }),
  })
  const { user } = openAsAda(`/shipments/${CASHEWS.id}`)

  await user.click(await screen.findByRole('button', { name: 'Show older' }))
  expect(await screen.findByText('Vessel: nothing → MSC 1')).toBeVisible()
  const list = screen.getByRole('list', { name: 'History' })
  expect(within(list).getAllByRole('listitem')).toHaveLength(3)
  expect(screen.queryByRole('button', { name: 'Show older' })).not.toBeInTheDocument()
  await waitFor(() => expect(list).toHaveFocus())
})

test('words of a later release are shown as they are', async () => {
  const later = { ...CASHEWS, stage: 'on_rail', next_stages: [], incoterm: 'DDX' }
  fakeApi({ [`GET /api/shipments/${CASHEWS.id}`]: () => json(later) })
  openAsAda(`/shipments/${CASHEWS.id}`)

  expect(await screen.findByText('on_rail')).toBeVisible()
  expect(screen.getByText('DDX')).toBeVisible()
})

test('a release without stages shows where the shipment stands, and offers nothing that it can not do', async () => {
  const { stage, next_stages, version, ...old } = CASHEWS
  expect([stage, next_stages?.length, version]).toEqual(['in_transit', 3, 3])
  fakeApi({ [`GET /api/shipments/${CASHEWS.id}`]: () => json({ ...old, status: 'booked' }) })
  openAsAda(`/shipments/${CASHEWS.id}`)

  expect(await screen.findAllByText('Papers pending')).toHaveLength(2)
  expect(screen.queryByRole('link', { name: 'Edit' })).not.toBeInTheDocument()
  expect(screen.queryByRole('button', { name: /^Move to/ })).not.toBeInTheDocument()
})

test('nobody is reminded of what has happened since, or was put off', async () => {
  const due = { kind: 'arrival_overdue', due_on: '2026-03-29', created_at: '2026-03-30T00:01:00Z' }
  const asked = fakeApi({
    [`GET /api/shipments/${CASHEWS.id}`]: () => json({ ...CASHEWS, stage: 'arrived' }),
    [`GET /api/shipments/${CASHEWS.id}/reminders`]: () => json({ items: [due] }),
  })
  openAsAda(`/shipments/${CASHEWS.id}`)

  expect(await screen.findByText('Arrives 29 Mar 2026')).toBeVisible()
  await waitFor(() => expect(asked.some(({ url }) => url.endsWith('/reminders'))).toBe(true))
  expect(screen.queryByText(/Was to arrive/)).not.toBeInTheDocument()
})
