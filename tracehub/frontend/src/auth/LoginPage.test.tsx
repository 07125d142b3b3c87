import { screen } from '@testing-library/react'
import type { UserEvent } from '@testing-library/user-event'
import { expect, test } from 'vitest'

import { fakeApi, json, problem } from '../test/fakeApi'
import { open, openAsAda } from '../test/open'
import { ADA, CASHEWS } from '../test/samples'
import { credentials } from './credentials'

async function logIn(user: UserEvent) {
  await user.type(await screen.findByLabelText('Email'), 'ada@example.com')
  await user.type(screen.getByLabelText('Password'), 'correct horse')
  await user.click(screen.getByRole('button', { name: 'Log in' }))
}

test('who is not logged in gets the log-in page, and then the page they wanted', async () => {
  const asked = fakeApi({
    'POST /api/auth/login': () => json(ADA),
    [`GET /api/shipments/${CASHEWS.id}`]: () => json(CASHEWS),
  })
  const { user, address } = open(`/shipments/${CASHEWS.id}`)

  await logIn(user)

  expect(await screen.findByRole('heading', { name: 'EXP-1' })).toBeVisible()
  expect(address()).toBe(`/shipments/${CASHEWS.id}`)
  const [login, shown] = asked.filter(({ url }) => !url.endsWith('/api/version'))
  expect(await login?.json()).toEqual({ email: 'ada@example.com', password: 'correct horse' })
  expect(login?.headers.get('Authorization')).toBeNull()
  // The browser sends the cookie, and no script has anything of it.
  expect(shown?.headers.get('Authorization')).toBeNull()
  expect(
    JSON.stringify([credentials.current(), { ...localStorage, ...sessionStorage }]),
  ).not.toMatch('token-of-ada')
})

test('where a release from before sessions answers, its token is used, in this tab', async () => {
  const asked = fakeApi({
    ...LIST,
    'POST /api/auth/login': () =>
      json({ ...ADA, session: undefined, expires_at: '2999-01-01T00:00:00Z' }),
  })
  const { user } = open('/login')

  await logIn(user)

  expect(await screen.findByRole('link', { name: 'EXP-1' })).toBeVisible()
  const list = asked.find(({ url }) => url.includes('/api/shipments'))
  expect(list?.headers.get('Authorization')).toBe('Bearer token-of-ada')
  expect(localStorage.getItem('tracehub.credentials')).toBeNull()
})

test('a wrong password is said, and the form stays', async () => {
  fakeApi({
    'POST /api/auth/login': () =>
      problem(401, 'Unauthorized', { detail: 'email or password is wrong', request_id: 'r-42' }),
  })
  const { user } = open('/login')

  await logIn(user)

  expect(await screen.findByRole('alert')).toHaveTextContent('Email or password is wrong')
  expect(screen.getByRole('alert')).toHaveTextContent('r-42')
  expect(screen.getByLabelText('Email')).toHaveValue('ada@example.com')
})

test('who has failed too often is told when to try again', async () => {
  const detail = 'too many log-ins with this address have failed: please try again in 9 minutes'
  const asked = fakeApi({
    'POST /api/auth/login': () => problem(429, 'Too Many Requests', { detail }),
  })
  const { user } = open('/login')

  await logIn(user)

  expect(await screen.findByRole('alert')).toHaveTextContent('please try again in 9 minutes')
  expect(asked.filter(({ method }) => method === 'POST')).toHaveLength(1)
})

test('a cut connection is said in words', async () => {
  fakeApi({})
  const { user } = open('/login')

  await logIn(user)

  expect(await screen.findByRole('alert')).toHaveTextContent('TraceHub cannot be reached')
})

test('an answer that is not from the API is said in words', async () => {
  fakeApi({ 'POST /api/auth/login': () => new Response('<h1>Bad gateway</h1>', { status: 502 }) })
  const { user } = open('/login')

  await logIn(user)

  expect(await screen.findByRole('alert')).toHaveTextContent('TraceHub could not answer (502)')
})

test('an expired session leads to the log-in page with a word why, and back again', async () => {
  let expired = true
  fakeApi({
    'GET /api/shipments': () =>
      expired ? problem(401, 'Token expired') : json({ items: [CASHEWS], next: null }),
    'POST /api/auth/login': () => json(ADA),
  })
  const { user, address } = openAsAda('/shipments?search=EXP')

  expect(await screen.findByText('Your log-in has expired')).toBeVisible()
  expect(localStorage.getItem('tracehub.credentials')).toBeNull()

  expired = false
  await logIn(user)

  expect(await screen.findByRole('link', { name: 'EXP-1' })).toBeVisible()
  expect(address()).toBe('/shipments?search=EXP')
})

test('after log-in nobody is sent to another site', async () => {
  fakeApi({
    'POST /api/auth/login': () => json(ADA),
    'GET /api/shipments': () => json({ items: [CASHEWS], next: null }),
  })
  const { user, address } = open('/login?from=//evil.example/shipments')

  await logIn(user)

  expect(await screen.findByRole('link', { name: 'EXP-1' })).toBeVisible()
  expect(address()).toBe('/shipments')
})

const LIST = { 'GET /api/shipments': () => json({ items: [CASHEWS], next: null }) }
const LOG_OUT = 'POST /api/auth/logout'

async function logOut(user: UserEvent) {
  await user.click(await screen.findByRole('button', { name: /^Account of Ada Obi/ }))
  await user.dblClick(await screen.findByRole('button', { name: 'Log out' }))
}

test('logging out forgets who it was, has the server end it, and asks for a log-in', async () => {
  const asked = fakeApi({ ...LIST, [LOG_OUT]: () => new Response(null, { status: 204 }) })
  const { user } = openAsAda('/')

  await logOut(user)

  expect(await screen.findByRole('heading', { name: 'Welcome back' })).toBeVisible()
  expect(screen.queryByText('Your log-in has expired')).not.toBeInTheDocument()
  expect(localStorage.getItem('tracehub.credentials')).toBeNull()
  const sent = asked.filter(({ url }) => url.endsWith('/api/auth/logout'))
  expect(sent).toHaveLength(1)
})

test('a session that had ended by itself is logged out without a complaint', async () => {
  fakeApi({ ...LIST, [LOG_OUT]: () => problem(401, 'the token has expired') })
  const { user } = openAsAda('/')

  await logOut(user)

  expect(await screen.findByRole('heading', { name: 'Welcome back' })).toBeVisible()
  expect(screen.queryByRole('status', { name: /logged out here|expired/ })).not.toBeInTheDocument()
})

test('when the server cannot be told of a log-out, it is said what that means', async () => {
  fakeApi(LIST)
  const { user } = openAsAda('/')

  await logOut(user)

  expect(await screen.findByText('You are logged out here')).toBeVisible()
  expect(localStorage.getItem('tracehub.credentials')).toBeNull()
})

test('a computer whose clock is wrong keeps a log-in for as long as any other', async () => {
  const now = Date.now()
  const anHourAgo = new Date(now - 60 * 60_000)
  const expires_at = new Date(anHourAgo.getTime() + 30 * 60_000).toISOString()
  const login = { ...ADA, session: { id: 's-1', expires_at } }
  fakeApi({
    ...LIST,
    'POST /api/auth/login': () =>
      Response.json(login, { headers: { Date: anHourAgo.toUTCString() } }),
  })
  const { user } = open('/login')

  await logIn(user)

  expect(await screen.findByRole('link', { name: 'EXP-1' })).toBeVisible()
  const end = Date.parse(credentials.current()!.expires_at)
  expect(Math.round((end - now) / 60_000)).toBe(30)
})
