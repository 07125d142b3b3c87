import { act, screen } from '@testing-library/react'
import { afterEach, expect, test, vi } from 'vitest'

import { fakeApi, json, problem } from '../test/fakeApi'
import { open } from '../test/open'
import { ADA } from '../test/samples'
import { credentials } from './credentials'

const LOG_IN = 'POST /api/auth/login'
const NOTHING = { 'GET /api/shipments': () => json({ items: [], next: null }) }

afterEach(() => vi.useRealTimers())

function openAsAdaFor(milliseconds: number, address = '/shipments') {
  const end = new Date(Date.now() + milliseconds).toISOString()
  credentials.keep({ ...ADA, session: { id: 's-1', expires_at: end } })
  return open(address)
}

test('before a log-in ends it is said, and the password puts it off without leaving the page', async () => {
  const asked = fakeApi({
    ...NOTHING,
    [LOG_IN]: () => json({ ...ADA, session: { ...ADA.session, id: 's-2' } }),
  })
  const { user, address } = openAsAdaFor(4 * 60_000 - 1_000, '/shipments/new')
  await user.type(await screen.findByLabelText(/Reference/), 'EXP-1')

  expect(await screen.findByText('Your log-in ends in 4 minutes')).toBeVisible()
  await user.type(screen.getByLabelText('Password of ada@example.com'), 'correct horse')
  await user.dblClick(screen.getByRole('button', { name: 'Stay logged in' }))

  await vi.waitFor(() => expect(screen.queryByText(/Your log-in ends/)).not.toBeInTheDocument())
  expect(credentials.current()?.session?.id).toBe('s-2')
  expect(address()).toBe('/shipments/new')
  expect(screen.getByLabelText(/Reference/)).toHaveValue('EXP-1')
  expect(asked.filter(({ url }) => url.endsWith('login'))).toHaveLength(1)
})

test('a wrong password there is said, and ends nothing', async () => {
  fakeApi({ ...NOTHING, [LOG_IN]: () => problem(401, 'no', { detail: 'that is not right' }) })
  const { user } = openAsAdaFor(60_000)

  await user.type(await screen.findByLabelText('Password of ada@example.com'), 'wrong')
  await user.click(screen.getByRole('button', { name: 'Stay logged in' }))

  expect(await screen.findByRole('alert')).toHaveTextContent('That is not right')
  expect(credentials.current()?.session?.id).toBe('s-1')
})

test('when its time has come, a log-in ends with a word why', async () => {
  fakeApi(NOTHING)
  openAsAdaFor(500)
  expect(await screen.findByText('Your log-in has expired')).toBeVisible()
})

test('who has long to go is not told', async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
  fakeApi(NOTHING)
  openAsAdaFor(30 * 60_000)
  await screen.findByRole('heading', { name: 'Shipments' })
  expect(screen.queryByText(/Your log-in ends/)).not.toBeInTheDocument()

  await act(() => vi.advanceTimersByTimeAsync(25 * 60_000 + 1_000))
  expect(await screen.findByText('Your log-in ends in 5 minutes')).toBeVisible()
})
