import { screen } from '@testing-library/react'
import { expect, test, vi } from 'vitest'

import { credentials } from '../auth/credentials'
import { fakeApi, json, problem } from '../test/fakeApi'
import { openAsAda } from '../test/open'
import { ADA } from '../test/samples'

const CHANGE = 'POST /api/auth/password'

test('who changes the password stays logged in here, with another session', async () => {
  const asked = fakeApi({
    [CHANGE]: () => json({ ...ADA, session: { ...ADA.session, id: 's-2' } }),
  })
  const { user } = openAsAda('/account')

  await user.type(await screen.findByLabelText(/^Password until now/), 'the old one')
  await user.type(screen.getByLabelText(/^New password/), 'correct horse battery')
  await user.click(screen.getByRole('button', { name: 'Change the password' }))

  expect(await screen.findByText(/Your password is changed/)).toBeVisible()
  const changed = asked.find(({ method }) => method === 'POST')
  expect(await changed?.json()).toEqual({ current: 'the old one', new: 'correct horse battery' })
  expect(credentials.current()?.session?.id).toBe('s-2')
  expect(screen.getByLabelText(/^New password/)).toHaveValue('')
})

test('a wrong password is said at the field', async () => {
  fakeApi({
    [CHANGE]: () =>
      problem(422, 'Unprocessable', {
        errors: [{ field: 'current', message: 'is not your password' }],
      }),
  })
  const { user } = openAsAda('/account')

  await user.type(await screen.findByLabelText(/^Password until now/), 'x')
  await user.type(screen.getByLabelText(/^New password/), 'correct horse battery')
  await user.click(screen.getByRole('button', { name: 'Change the password' }))

  expect(await screen.findByText('Is not your password')).toBeVisible()
  expect(screen.queryByRole('alert')).not.toBeInTheDocument()
})

test('another name is seen at once', async () => {
  fakeApi({
    'PATCH /api/auth/me': () =>
      json({ user: { ...ADA.user, name: 'Ada Nwosu' }, organisation: ADA.organisation }),
  })
  const { user } = openAsAda('/account')

  await user.clear(await screen.findByLabelText(/^Your name/))
  await user.type(screen.getByLabelText(/^Your name/), 'Ada Nwosu')
  await user.click(screen.getByRole('button', { name: 'Save the name' }))

  expect(await screen.findByText('Your name is saved.')).toBeVisible()
  expect(screen.getByRole('button', { name: /Account of Ada Nwosu/ })).toBeVisible()
})

test('where one is logged in is shown, and ended one by one or everywhere else', async () => {
  const here = { id: 's-1', created_at: '2026-03-01T09:00:00Z', seen_at: '2026-03-02T09:00:00Z' }
  let items = [
    { ...here, is_current: true },
    { ...here, id: 's-2', created_at: '2026-02-01T09:00:00Z', is_current: false },
    { ...here, id: 's-3', created_at: '2026-01-01T09:00:00Z', is_current: false },
  ]
  const end = (left: string[]) => () => {
    items = items.filter(({ id }) => left.includes(id))
    return new Response(null, { status: 204 })
  }
  const asked = fakeApi({
    'GET /api/auth/sessions': () => json({ items }),
    'DELETE /api/auth/sessions/s-2': end(['s-1', 's-3']),
    'DELETE /api/auth/sessions': end(['s-1']),
  })
  const { user } = openAsAda('/account')

  expect(await screen.findByText('This browser')).toBeVisible()
  const buttons = () => screen.queryAllByRole('button', { name: /^Log out the browser/ })
  expect(buttons()).toHaveLength(2)
  await user.click(buttons()[0]!)
  await vi.waitFor(() => expect(buttons()).toHaveLength(1))
  await user.click(screen.getByRole('button', { name: 'Log out everywhere else' }))
  await vi.waitFor(() => expect(buttons()).toHaveLength(0))
  expect(screen.queryByRole('button', { name: 'Log out everywhere else' })).not.toBeInTheDocument()
  expect(asked.filter(({ method }) => method === 'DELETE')).toHaveLength(2)
})
