import { beforeEach, expect, test, vi } from 'vitest'

import { ADA } from '../test/samples'

const KEY = 'tracehub.credentials'

/** The module reads the tab's storage when it loads, as after a reload of the page. */
async function reload() {
  vi.resetModules()
  return (await import('./credentials')).credentials
}

beforeEach(() => {
  sessionStorage.clear()
  localStorage.clear()
})

const OLD = { ...ADA, session: undefined, expires_at: '2999-01-01T00:00:00Z' }

test('a reload keeps who is logged in, without a secret', async () => {
  ;(await reload()).keep(ADA)
  expect((await reload()).current()).toMatchObject({ user: ADA.user, session: ADA.session })
  expect(localStorage.getItem(KEY)).not.toMatch(ADA.token)
})

test('a token that a release from before has left in this tab goes on', async () => {
  sessionStorage.setItem(KEY, JSON.stringify(OLD))
  expect((await reload()).current()?.token).toBe(ADA.token)
  // The next log-in is a session, and leaves none behind.
  ;(await reload()).keep(ADA)
  expect(sessionStorage.getItem(KEY)).toBeNull()
})

test('what is past its time is not used', async () => {
  const expires_at = '2020-01-01T00:00:00Z'
  sessionStorage.setItem(KEY, JSON.stringify({ ...OLD, expires_at }))
  localStorage.setItem(KEY, JSON.stringify({ ...ADA, expires_at }))
  expect((await reload()).current()).toBeNull()
})

test('a log-out in another tab counts in this one', async () => {
  const credentials = await reload()
  credentials.keep(ADA)
  localStorage.removeItem(KEY)
  window.dispatchEvent(new StorageEvent('storage', { key: KEY }))
  expect(credentials.current()).toBeNull()
})
