import { expect, test, vi } from 'vitest'

import { loadConfig } from './config'
import { json } from './test/fakeApi'

function answer(response: Response) {
  vi.stubGlobal('fetch', () => Promise.resolve(response))
}

test('the settings are read', async () => {
  answer(json({ environment: 'staging', release: 'r1' }))
  await expect(loadConfig()).resolves.toEqual({ environment: 'staging', release: 'r1' })
})

test('without them, or with half of them, the app does not start', async () => {
  answer(new Response('', { status: 404 }))
  await expect(loadConfig()).rejects.toThrow('/config.json answered 404')

  answer(json({ environment: 'staging' }))
  await expect(loadConfig()).rejects.toThrow('lacks environment or release')
})
