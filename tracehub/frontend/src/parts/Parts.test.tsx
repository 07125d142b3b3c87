import { screen, waitFor, within } from '@testing-library/react'
import { expect, test } from 'vitest'

import { fakeApi, json, problem } from '../test/fakeApi'
import { openAsAda } from '../test/open'
import { CASHEWS } from '../test/samples'

const AT = `/api/shipments/${CASHEWS.id}`
const FIRST = { id: 'c1', number: 'CSQU3054383', kind: '45G1', seal: 'EU-1', version: 2 }
const MAERSK = { id: 'p1', kind: 'carrier', name: 'Maersk', address: [], version: 1, shipments: 0 }

function shipmentWith(more: Parameters<typeof fakeApi>[0] = {}) {
  return fakeApi({
    [`GET ${AT}`]: () => json(CASHEWS),
    [`GET ${AT}/containers`]: () => json({ items: [FIRST] }),
    [`GET ${AT}/items`]: () => json({ items: [] }),
    [`GET ${AT}/partners`]: () => json({ items: [] }),
    ...more,
  })
}

async function bodyOf(asked: Request[], method: string) {
  const found = await waitFor(() => {
    const request = asked.find((it) => it.method === method)
    if (!request) throw new Error(`no ${method} yet`)
    return request
  })
  return { request: found, body: (await found.json()) as unknown }
}

test('a container is added where it stands, and a digit that does not fit is told by its field', async () => {
  let refused = false
  const asked = shipmentWith({
    [`POST ${AT}/containers`]: () => {
      if (refused) return json({ ...FIRST, id: 'c2' }, 201)
      refused = true
      const errors = [{ field: 'number', message: 'other', code: 'check_digit', limit: 3 }]
      return problem(422, 'Unprocessable Content', { detail: 'wrong', errors })
    },
  })
  const { user } = openAsAda(`/shipments/${CASHEWS.id}`)
  await user.click(
    await screen.findByRole('button', { name: 'Add a container' }, { timeout: 10_000 }),
  )
  const form = screen.getByRole('form', { name: 'Add a container' })
  const number = within(form).getByLabelText(/Container number/)
  expect(number).toHaveFocus()
  await user.type(number, 'MSKU9070324')
  await user.type(within(form).getByLabelText(/Weight/), '24,000.5')
  await user.click(within(form).getByRole('button', { name: 'Add a container' }))

  expect(await screen.findByText('Must end with another check digit: 3 would fit')).toBeVisible()
  const { body } = await bodyOf(asked, 'POST')
  expect(body).toEqual({ number: 'MSKU9070324', kind: null, seal: null, gross_grams: 24_000_500 })
  await user.type(number, '{Backspace}3')
  await user.click(within(form).getByRole('button', { name: 'Add a container' }))
  await waitFor(() => expect(form).not.toBeInTheDocument())
})

test('of a container that is edited only what is another is sent, on top of what was seen', async () => {
  const asked = shipmentWith({
    [`PATCH ${AT}/containers/c1`]: () => json({ ...FIRST, version: 3 }),
  })
  const { user } = openAsAda(`/shipments/${CASHEWS.id}`)
  await user.click(await screen.findByRole('button', { name: 'Edit CSQU3054383' }))
  const seal = screen.getByLabelText('Seal')
  await user.clear(seal)
  await user.type(seal, 'EU-4711')
  await user.click(screen.getByRole('button', { name: 'Save' }))
  const { request, body } = await bodyOf(asked, 'PATCH')
  expect(body).toEqual({ seal: 'EU-4711' })
  expect(request.headers.get('If-Match')).toBe('"2"')
})

test('a container goes at the second click, and not at the first', async () => {
  const gone = () => new Response(null, { status: 204 })
  const asked = shipmentWith({ [`DELETE ${AT}/containers/c1`]: gone })
  const { user } = openAsAda(`/shipments/${CASHEWS.id}`)
  await user.click(await screen.findByRole('button', { name: 'Remove CSQU3054383' }))
  expect(asked.some(({ method }) => method === 'DELETE')).toBe(false)
  await user.click(screen.getByRole('button', { name: 'Remove it: CSQU3054383' }))
  await waitFor(() => expect(asked.some(({ method }) => method === 'DELETE')).toBe(true))
})

test('a partner is found as one types, and made where there is none', async () => {
  const asked = shipmentWith({
    'GET /api/partners': (request) => {
      const search = new URL(request.url).searchParams.get('search')
      return json({ items: search === 'Mae' ? [MAERSK] : [], next: null })
    },
    'POST /api/partners': () => json({ ...MAERSK, id: 'p2', name: 'Kakao' }, 201),
    [`PUT ${AT}/partners/p1`]: () => new Response(null, { status: 204 }),
    [`PUT ${AT}/partners/p2`]: () => new Response(null, { status: 204 }),
  })
  const { user } = openAsAda(`/shipments/${CASHEWS.id}`)
  await user.click(await screen.findByRole('button', { name: 'Add a partner' }))
  await user.type(screen.getByRole('searchbox', { name: 'Name' }), 'Mae')
  await user.click(await screen.findByRole('button', { name: 'Maersk' }))
  const wasGiven = (id: string) =>
    asked.some(({ method, url }) => method === 'PUT' && url.endsWith(`/partners/${id}`))
  await waitFor(() => expect(wasGiven('p1')).toBe(true))

  await user.click(await screen.findByRole('button', { name: 'Add a partner' }))
  await user.type(screen.getByRole('searchbox', { name: 'Name' }), 'Kakao')
  await user.click(screen.getByRole('button', { name: 'New partner: buyer' }))
  expect(screen.getByLabelText(/^Name/)).toHaveValue('Kakao')
  await user.click(screen.getByRole('button', { name: 'Add a partner' }))
  await waitFor(() => expect(wasGiven('p2')).toBe(true))
  expect((await bodyOf(asked, 'POST')).body).toMatchObject({ kind: 'buyer', name: 'Kakao' })
})

test('a release that knows no containers has a page without them', async () => {
  const none = () => problem(404, 'Not Found', { detail: 'there is nothing here' })
  shipmentWith({ [`GET ${AT}/containers`]: none })
  openAsAda(`/shipments/${CASHEWS.id}`)
  await screen.findByRole('heading', { name: 'Goods' })
  await waitFor(() => {
    expect(screen.queryByRole('heading', { name: 'Containers' })).not.toBeInTheDocument()
  })
})

test('a copy is made under another name, and its page is there then', async () => {
  const copy = { ...CASHEWS, id: 'copy', reference: 'EXP-9' }
  const asked = shipmentWith({
    [`POST ${AT}/copy`]: () => json(copy, 201),
    'GET /api/shipments/copy': () => json(copy),
  })
  const { user, address } = openAsAda(`/shipments/${CASHEWS.id}`)
  await user.click(await screen.findByRole('button', { name: 'Copy' }, { timeout: 10_000 }))
  await user.type(screen.getByLabelText(/Reference of the copy/), 'EXP-9')
  await user.click(screen.getByRole('button', { name: 'Make the copy' }))
  await waitFor(() => expect(address()).toBe('/shipments/copy'))
  expect((await bodyOf(asked, 'POST')).body).toEqual({ reference: 'EXP-9' })
  await screen.findByRole('heading', { name: 'EXP-9' })
  expect(screen.queryByRole('form', { name: 'Copy the shipment' })).not.toBeInTheDocument()
})
