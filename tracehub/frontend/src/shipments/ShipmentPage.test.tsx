import { screen, waitFor } from '@testing-library/react'
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
  await waitFor(() => expect(asked.at(-1)?.url).toMatch(/reminders$/))
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
