import { screen, waitFor } from '@testing-library/react'
import { beforeEach, expect, test } from 'vitest'

import { fakeApi, json, problem } from '../test/fakeApi'
import { open } from '../test/open'
import { ADA } from '../test/samples'

const LOOK = 'POST /api/links/look'
const USE = 'POST /api/links/use'
const INVITED = {
  kind: 'invitation',
  organisation: 'Obi Export',
  email: 'ada@example.com',
  role: 'member',
}

beforeEach(() => {
  window.location.hash = '#the-secret'
})

test('who was invited chooses a name and a password, and is in', async () => {
  const asked = fakeApi({
    [LOOK]: () => json(INVITED),
    [USE]: () => json({ email: INVITED.email }),
    'POST /api/auth/login': () => json(ADA),
    'GET /api/shipments': () => json({ items: [], next: null }),
  })
  const { user, address } = open('/welcome')

  expect(await screen.findByRole('heading', { name: 'Welcome to Obi Export' })).toBeVisible()
  await user.type(screen.getByLabelText(/Your name/), 'Ada Obi')
  await user.type(screen.getByLabelText(/^Password/), 'correct horse battery')
  await user.click(screen.getByRole('button', { name: 'Join' }))

  await waitFor(() => expect(address()).toBe('/shipments'))
  expect(await asked.find(({ url }) => url.endsWith('/use'))?.json()).toEqual({
    token: 'the-secret',
    name: 'Ada Obi',
    password: 'correct horse battery',
  })
})

test('a link that is gone says so, and what to do', async () => {
  fakeApi({ [LOOK]: () => problem(410, 'Gone', { type: '/problems/link-gone' }) })
  open('/welcome')

  expect(await screen.findByText('This link is not good any more')).toBeVisible()
  expect(screen.getByRole('link', { name: 'Log in' })).toBeVisible()
})

test('a password that is too short is said at the password', async () => {
  fakeApi({
    [LOOK]: () => json({ ...INVITED, kind: 'password' }),
    [USE]: () =>
      problem(422, 'Unprocessable', {
        errors: [{ field: 'password', message: 'must have 12 characters at least' }],
      }),
  })
  const { user } = open('/welcome')

  await user.type(await screen.findByLabelText(/^Password/), 'short')
  await user.click(screen.getByRole('button', { name: 'Save the password' }))

  expect(await screen.findByText('Must have 12 characters at least')).toBeVisible()
})
