import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'

import { fakeApi, problem } from '../test/fakeApi'
import { open } from '../test/open'

const ASK = 'POST /api/auth/forgotten'

test('from the log-in one is sent a link, in the language of the page', async () => {
  const asked = fakeApi({ [ASK]: () => new Response(null, { status: 202 }) })
  const { user, address } = open('/login')

  await user.click(await screen.findByRole('link', { name: 'Forgot your password?' }))
  expect(await screen.findByRole('heading', { name: 'Choose a new password' })).toBeVisible()
  await user.type(screen.getByLabelText('Email'), 'ada@example.com')
  await user.click(screen.getByRole('button', { name: 'Send me the link' }))

  expect(await screen.findByText(/the address ada@example.com/)).toBeVisible()
  expect(address()).toBe('/forgotten')
  expect(await asked.find(({ method }) => method === 'POST')?.json()).toEqual({
    email: 'ada@example.com',
    language: 'en',
  })
})

test('where no mail is sent, it is said whom to ask', async () => {
  fakeApi({ [ASK]: () => problem(409, 'Conflict', { type: '/problems/no-mail' }) })
  const { user } = open('/forgotten')

  await user.type(await screen.findByLabelText('Email'), 'ada@example.com')
  await user.click(screen.getByRole('button', { name: 'Send me the link' }))

  expect(await screen.findByRole('alert')).toHaveTextContent('please ask an owner')
})
