import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'

import { credentials } from '../auth/credentials'
import { fakeApi, json, problem } from '../test/fakeApi'
import { openAsAda } from '../test/open'
import { ADA } from '../test/samples'

const CHANGE = 'POST /api/auth/password'

test('who changes the password stays logged in here, with another token', async () => {
  const asked = fakeApi({ [CHANGE]: () => json({ ...ADA, token: 'another' }) })
  const { user } = openAsAda('/account')

  await user.type(await screen.findByLabelText(/^Password until now/), 'the old one')
  await user.type(screen.getByLabelText(/^New password/), 'correct horse battery')
  await user.click(screen.getByRole('button', { name: 'Change the password' }))

  expect(await screen.findByText(/Your password is changed/)).toBeVisible()
  expect(await asked[0]?.json()).toEqual({ current: 'the old one', new: 'correct horse battery' })
  expect(credentials.current()?.token).toBe('another')
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
