import { act, screen } from '@testing-library/react'
import type { UserEvent } from '@testing-library/user-event'
import { expect, test } from 'vitest'

import { keptDrafts } from '../test/drafts'
import { fakeApi, json, problem } from '../test/fakeApi'
import { openAsAda } from '../test/open'
import { CASHEWS } from '../test/samples'

const CREATE = 'POST /api/shipments'

async function fillIn(user: UserEvent) {
  await user.type(await screen.findByLabelText(/Reference/), 'EXP-1')
  await user.type(screen.getByLabelText(/Product/), 'Cashew kernels')
  await user.type(screen.getByRole('textbox', { name: /Port of origin/ }), ' Lagos ')
  await user.type(screen.getByRole('textbox', { name: /Port of destination/ }), 'Hamburg')
}

const submit = (user: UserEvent) =>
  user.click(screen.getByRole('button', { name: 'Create shipment' }))

test('a new shipment is sent without what was left empty, and then shown', async () => {
  const asked = fakeApi({
    [CREATE]: () => json(CASHEWS, 201),
    [`GET /api/shipments/${CASHEWS.id}`]: () => json(CASHEWS),
  })
  const { user, address } = openAsAda('/shipments/new')

  await fillIn(user)
  await submit(user)

  expect(await screen.findByRole('heading', { name: 'EXP-1' })).toBeVisible()
  expect(address()).toBe(`/shipments/${CASHEWS.id}`)
  expect(await asked[0]?.json()).toEqual({
    reference: 'EXP-1',
    product: 'Cashew kernels',
    origin_port: 'Lagos',
    destination_port: 'Hamburg',
  })
})

test('ports are offered as one types', async () => {
  fakeApi({})
  const { user } = openAsAda('/shipments/new')

  const origin = await screen.findByRole('textbox', { name: /Port of origin/ })
  await user.type(origin, 'abid')

  const offered = await screen.findByRole('button', { name: /^Abidjan/ })
  expect(offered).toHaveTextContent('Côte d’Ivoire · CIABJ')
  await user.click(offered)
  expect(origin).toHaveValue('Abidjan')
  // By another name than what is offered, and without its accents.
  await user.clear(origin)
  await user.type(origin, 'lome')
  await user.click(await screen.findByRole('button', { name: /^Lomé/ }))
  expect(origin).toHaveValue('Lomé')
  expect(origin).toHaveFocus()
  expect(screen.queryByRole('button', { name: /^Lomé/ })).not.toBeInTheDocument()
})

test('what the API has against a field stands at the field, and the first one gets the focus', async () => {
  fakeApi({
    [CREATE]: () =>
      problem(422, 'Some fields are not valid', {
        errors: [
          { field: 'arrives_on', message: 'must not be before the departure' },
          { field: 'container_number', message: 'must be four letters and seven digits' },
        ],
      }),
  })
  const { user } = openAsAda('/shipments/new')

  await fillIn(user)
  await user.type(screen.getByLabelText('Container number'), 'MSKU1234560')
  await submit(user)

  const container = await screen.findByLabelText('Container number')
  await screen.findByText('Must be four letters and seven digits')
  expect(container).toBeInvalid()
  expect(container).toHaveAccessibleDescription(/Must be four letters and seven digits/)
  expect(container).toHaveFocus()
  expect(screen.getByLabelText('Arrives on')).toHaveAccessibleDescription(
    'Must not be before the departure',
  )
  expect(screen.queryByRole('alert')).not.toBeInTheDocument()
  expect(container).toHaveValue('MSKU1234560')
})

test('a reference that exists already is said at the reference', async () => {
  fakeApi({
    [CREATE]: () => problem(409, 'Conflict', { detail: 'there already is such a reference' }),
  })
  const { user } = openAsAda('/shipments/new')

  await fillIn(user)
  await submit(user)

  expect(await screen.findByText('There already is such a reference')).toBeVisible()
  expect(screen.getByLabelText(/Reference/)).toBeInvalid()
  expect(screen.getByLabelText(/Reference/)).toHaveFocus()
})

test('an empty form is not sent', async () => {
  const asked = fakeApi({})
  const { user } = openAsAda('/shipments/new')

  await screen.findByLabelText(/Reference/)
  await submit(user)

  expect(await screen.findByText('Give the shipment a reference')).toBeVisible()
  expect(screen.getByLabelText(/Reference/)).toHaveFocus()
  expect(asked).toHaveLength(0)
})

test('a refusal that belongs to no field stands above the form', async () => {
  fakeApi({
    [CREATE]: () => problem(403, 'Not allowed', { detail: 'you may only look at shipments' }),
  })
  const { user } = openAsAda('/shipments/new')

  await fillIn(user)
  await submit(user)

  expect(await screen.findByRole('alert')).toHaveTextContent('You may only look at shipments')
})

test('what was typed before is there again, until one starts afresh', async () => {
  fakeApi({})
  const first = openAsAda('/shipments/new')
  await fillIn(first.user)
  first.close()

  const { user } = openAsAda('/shipments/new')
  expect(await screen.findByLabelText(/Reference/)).toHaveValue('EXP-1')
  await user.click(screen.getByRole('button', { name: 'Start afresh' }))

  expect(screen.getByLabelText(/Reference/)).toHaveValue('')
  expect(screen.queryByText('You have not sent this yet')).not.toBeInTheDocument()
})

test('two clicks at once are one request, and what was sent is no draft any more', async () => {
  const asked = fakeApi({
    [CREATE]: () => json(CASHEWS, 201),
    [`GET /api/shipments/${CASHEWS.id}`]: () => json(CASHEWS),
  })
  const { user } = openAsAda('/shipments/new')
  await fillIn(user)
  const button = screen.getByRole('button', { name: 'Create shipment' })
  act(() => {
    button.click()
    button.click()
  })

  expect(await screen.findByRole('heading', { name: 'EXP-1' })).toBeVisible()
  expect(asked.filter(({ method }) => method === 'POST')).toHaveLength(1)
  expect(keptDrafts()).toEqual([])
})
