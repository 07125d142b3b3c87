import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'

import { fakeApi, json, problem } from '../test/fakeApi'
import { open } from '../test/open'

const ASK = 'POST /api/sign-ups'
const VERSION = { release: 'r1', commit: null, built_at: null }

test('who is new signs up with their firm, where anybody may', async () => {
  const asked = fakeApi({
    'GET /api/version': () => json({ ...VERSION, signs_up: true }),
    [ASK]: () => new Response(null, { status: 202 }),
  })
  const { user, address } = open('/login')

  await user.click(await screen.findByRole('link', { name: 'New here? Sign up' }))
  await user.type(await screen.findByLabelText('Your firm'), 'Obi Export')
  await user.selectOptions(screen.getByLabelText('Country'), 'NG')
  await user.type(screen.getByLabelText('Email'), 'obi@example.com')
  await user.click(screen.getByRole('button', { name: 'Send me the link' }))

  expect(await screen.findByText(/on its way to obi@example.com/)).toBeVisible()
  expect(address()).toBe('/sign-up')
  expect(await asked.find(({ method }) => method === 'POST')?.json()).toEqual({
    organisation: 'Obi Export',
    country: 'NG',
    kind: 'exporter',
    email: 'obi@example.com',
    language: 'en',
  })
})

test('where nobody signs up, the log-in offers nothing, and who comes all the same is told', async () => {
  fakeApi({
    'GET /api/version': () => json({ ...VERSION, signs_up: false }),
    [ASK]: () => problem(409, 'Conflict', { type: '/problems/no-sign-up' }),
  })
  const { user } = open('/sign-up')

  await user.type(await screen.findByLabelText('Your firm'), 'Obi Export')
  await user.selectOptions(screen.getByLabelText('Country'), 'NG')
  await user.type(screen.getByLabelText('Email'), 'obi@example.com')
  await user.click(screen.getByRole('button', { name: 'Send me the link' }))
  expect(await screen.findByRole('alert')).toHaveTextContent('Nobody signs up here')

  await user.click(screen.getByRole('link', { name: 'Back to the log-in' }))
  expect(await screen.findByRole('link', { name: 'Forgot your password?' })).toBeVisible()
  expect(screen.queryByRole('link', { name: 'New here? Sign up' })).toBeNull()
})
