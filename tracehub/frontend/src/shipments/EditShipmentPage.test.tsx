import { screen, waitFor } from '@testing-library/react'
import { expect, test } from 'vitest'

import { keptDrafts } from '../test/drafts'
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
  expect(keptDrafts()).toEqual([])
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

test("a stage that somebody has moved meanwhile is in nobody's way: the change is sent again on top of it", async () => {
  const current = { ...CASHEWS, version: 4, stage: 'arrived' }
  const asked = fakeApi({
    [GET]: () => json(CASHEWS),
    [CHANGE]: (request) =>
      request.headers.get('If-Match') === '"4"'
        ? json({ ...current, version: 5 })
        : problem(412, 'Precondition Failed', { current }),
  })
  const { user, address } = openAsAda(EDIT)

  await user.type(await vessel(), 'MSC Ada')
  await user.click(save())

  await waitFor(() => expect(address()).toBe(`/shipments/${CASHEWS.id}`))
  expect(changes(asked)).toHaveLength(2)
  expect(await changes(asked)[1]?.json()).toEqual({ vessel: 'MSC Ada' })
})

test('a change that is never on top of the latest version ends, and says that nothing is saved', async () => {
  let version = 3
  const asked = fakeApi({
    [GET]: () => json(CASHEWS),
    [CHANGE]: () =>
      problem(412, 'Precondition Failed', { current: { ...CASHEWS, version: ++version } }),
  })
  const { user, address } = openAsAda(EDIT)

  await user.type(await vessel(), 'MSC Ada')
  await user.click(save())

  expect(await screen.findByRole('alert')).toHaveTextContent('Nothing is saved yet')
  expect(changes(asked)).toHaveLength(3)
  await user.click(save())
  await waitFor(() => expect(changes(asked)).toHaveLength(6))
  expect(address()).toBe(EDIT)
})

test('what was typed outlives an expired log-in, and what changed meanwhile is shown when it is opened again', async () => {
  let there: object = CASHEWS
  const asked = fakeApi({
    [GET]: () => json(there),
    [CHANGE]: () => json({ ...CASHEWS, version: 5 }),
  })
  const first = openAsAda(EDIT)
  await first.user.type(await vessel(), 'MSC Ada')
  await first.user.type(screen.getByLabelText('Voyage'), 'V1')
  first.close()

  there = { ...CASHEWS, version: 4, voyage: 'V2', buyer: 'Kakao' }
  const { user, address } = openAsAda(EDIT)
  expect(await vessel()).toHaveValue('MSC Ada')
  expect(screen.getByLabelText('Buyer')).toHaveValue('Kakao')
  expect(screen.getByText('You have not sent this yet')).toBeVisible()
  const alert = screen.getByRole('alert', { name: /Somebody else has changed/ })
  expect(alert).toHaveTextContent('Now: Kakao')
  await user.click(screen.getByRole('button', { name: 'Take theirs: voyage' }))
  await user.click(save())

  await waitFor(() => expect(address()).toBe(`/shipments/${CASHEWS.id}`))
  const [change] = changes(asked)
  expect(await change?.json()).toEqual({ vessel: 'MSC Ada' })
  expect(change?.headers.get('If-Match')).toBe('"4"')
  expect(keptDrafts()).toEqual([])
})

test('a conflict that nobody has looked at yet is shown again after a reload', async () => {
  const current = { ...CASHEWS, version: 4, vessel: 'MSC Zoe' }
  let there: object = CASHEWS
  fakeApi({
    [GET]: () => json(there),
    [CHANGE]: () => problem(412, 'Precondition Failed', { current: (there = current) }),
  })
  const first = openAsAda(EDIT)
  await first.user.type(await vessel(), 'MSC Ada')
  await first.user.click(save())
  await screen.findByRole('alert')
  first.close()

  const { user } = openAsAda(EDIT)
  expect(await vessel()).toHaveValue('MSC Ada')
  expect(screen.getByRole('alert')).toHaveTextContent('Theirs: MSC Zoe')
  await user.click(screen.getByRole('button', { name: 'Start afresh' }))
  expect(await vessel()).toHaveValue('MSC Zoe')
  expect(screen.queryByRole('alert')).not.toBeInTheDocument()
  expect(keptDrafts()).toEqual([])
})

test('a draft that is saved already is no draft any more', async () => {
  let there: object = CASHEWS
  fakeApi({ [GET]: () => json(there) })
  const first = openAsAda(EDIT)
  await first.user.type(await vessel(), 'MSC Ada')
  first.close()

  there = { ...CASHEWS, version: 4, vessel: 'MSC Ada' }
  openAsAda(EDIT)
  expect(await vessel()).toHaveValue('MSC Ada')
  expect(screen.queryByText('You have not sent this yet')).not.toBeInTheDocument()
  expect(keptDrafts()).toEqual([])
})

test('the focus is at the conflict each time there is one, and after a choice', async () => {
  let version = 3
  const vessels = ['', '', '', '', 'MSC Zoe', 'MSC Eva']
  fakeApi({
    [GET]: () => json(CASHEWS),
    [CHANGE]: () => {
      version += 1
      const current = { ...CASHEWS, version, vessel: vessels[version], voyage: 'V2' }
      return problem(412, 'Precondition Failed', { current })
    },
  })
  const { user } = openAsAda(EDIT)

  await user.type(await vessel(), 'MSC Ada')
  await user.type(screen.getByLabelText('Voyage'), 'V1')
  await user.click(save())
  const alert = await screen.findByRole('alert')
  expect(alert).toHaveFocus()
  await user.click(screen.getByRole('button', { name: 'Take theirs: voyage' }))
  expect(alert).toHaveFocus()
  expect(screen.getByText('Voyage: theirs is in the form now.')).toHaveRole('status')

  await user.click(save())
  expect(await screen.findByText(/Theirs: MSC Eva/)).toBeVisible()
  expect(alert).toHaveFocus()
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
