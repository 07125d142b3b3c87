import { beforeEach, expect, test, vi } from 'vitest'

import { ADA } from '../test/samples'

const KEY = 'tracehub.credentials'

/** The module reads the tab's storage when it loads, as after a reload of the page. */
async function reload() {
  vi.resetModules()
  return (await import('./credentials')).credentials
}

beforeEach(() => sessionStorage.clear())

test('a reload keeps who is logged in', async () => {
  ;(await reload()).keep(ADA)
  expect((await reload()).current()).toEqual(ADA)
})

test('a token past its time is not used', async () => {
  sessionStorage.setItem(KEY, JSON.stringify({ ...ADA, expires_at: '2020-01-01T00:00:00Z' }))
  expect((await reload()).current()).toBeNull()
})
