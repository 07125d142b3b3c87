import { screen, waitFor } from '@testing-library/react'
import { expect, test } from 'vitest'

import { fakeApi, json, problem } from '../test/fakeApi'
import { openAsAda } from '../test/open'
import { CASHEWS } from '../test/samples'

const GET = `GET /api/shipments/${CASHEWS.id}`
const CHANGE = `PATCH /api/shipments/${CASHEWS.id}`
const EDIT = `/shipments/${CASHEWS.id}/edit`

const changes = (asked: Request[]) => asked.filter(({ method }) => method === 'PATCH')
const vessel = () => screen.findByLabelText('Vessel')
const save = () => screen.getByRole('button', { name: 'Save changes' })

test('what was changed is sent, and nothing else, with the version that was seen', async () => {
  const asked = fakeApi({ [GET]: () => json(CASHEWS), [CHANGE]: () => json(CASHEWS) })
  const { user, address } = openAsAda(EDIT)

  await user.type(await vessel(), ' MSC Ada ')
  await user.clear(screen.getByLabelText('Container number'))
  await user.click(save())

  await waitFor(() => expect(address()).toBe(`/shipments/${CASHEWS.id}`))
  const [change] = changes(asked)
  expect(await change?.json()).toEqual({ vessel: 'MSC Ada', container_number: null })
  expect(change?.headers.get('If-Match')).toBe('"3"')
  expect(Object.keys(localStorage)).toEqual([])
})

test('nothing is sent when nothing was changed', async () => {
  const asked = fakeApi({ [GET]: () => json(CASHEWS) })
  const { user, address } = openAsAda(EDIT)

  await vessel()
  await user.click(save())

  await waitFor(() => expect(address()).toBe(`/shipments/${CASHEWS.id}`))
  expect(changes(asked)).toHaveLength(0)
})

test('when somebody else was quicker, both sides are shown, and what is saved then is what one chose', async () => {
  const current = { ...CASHEWS, version: 4, voyage: 'V2', vessel: 'MSC Zoe', buyer: 'Kakao' }
  let there = CASHEWS
  const asked = fakeApi({
    [GET]: () => json(there),
    [CHANGE]: (request) => {
      there = current
      return request.headers.get('If-Match') === '"4"'
        ? json({ ...current, version: 5 })
        : problem(412, 'Precondition Failed', { type: '/problems/changed-since', current })
    },
  })
  const { user, address } = openAsAda(EDIT)

  await user.type(await vessel(), 'MSC Ada')
  await user.type(screen.getByLabelText('Voyage'), 'V1')
  await user.click(save())

  const alert = await screen.findByRole('alert', { name: /Somebody else has changed/ })
  expect(alert).toHaveTextContent('Theirs: MSC Zoe')
  expect(alert).toHaveTextContent('Yours: MSC Ada')
  expect(alert).toHaveTextContent('Now: Kakao')
  expect(screen.getByLabelText('Buyer')).toHaveValue('Kakao')
  expect(await vessel()).toHaveValue('MSC Ada')

  await user.click(screen.getByRole('button', { name: 'Take theirs: voyage' }))
  expect(screen.getByLabelText('Voyage')).toHaveValue('V2')
  await user.click(save())

  await waitFor(() => expect(address()).toBe(`/shipments/${CASHEWS.id}`))
  expect(await changes(asked)[1]?.json()).toEqual({ vessel: 'MSC Ada' })
})

test('a change whose answer was lost is there already, and is no conflict', async () => {
  const current = { ...CASHEWS, version: 4, vessel: 'MSC Ada' }
  fakeApi({
    [GET]: () => json(CASHEWS),
    [CHANGE]: () => problem(412, 'Precondition Failed', { current }),
  })
  const { user, address } = openAsAda(EDIT)

  await user.type(await vessel(), 'MSC Ada')
  await user.click(save())

  await waitFor(() => expect(address()).toBe(`/shipments/${CASHEWS.id}`))
})

test('what the API has against a field stands at the field', async () => {
  fakeApi({
    [GET]: () => json(CASHEWS),
    [CHANGE]: () =>
      problem(422, 'Unprocessable', { errors: [{ field: 'voyage', message: 'must not be so' }] }),
  })
  const { user } = openAsAda(EDIT)

  await user.type(await screen.findByLabelText('Voyage'), 'V1')
  await user.click(save())

  expect(await screen.findByText('Must not be so')).toBeVisible()
  expect(screen.getByLabelText('Voyage')).toHaveFocus()
})
