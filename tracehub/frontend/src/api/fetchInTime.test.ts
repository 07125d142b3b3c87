import { afterEach, expect, test, vi } from 'vitest'

import { fetchInTime, NoAnswer, WAIT_MS } from './fetchInTime'

afterEach(() => vi.useRealTimers())

/** As `fetch` with a server that never answers: it ends when it is told to. */
function silentServer() {
  vi.stubGlobal('fetch', (_request: Request, { signal }: RequestInit) => {
    return new Promise((_, reject) => {
      signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
    })
  })
}

test.each([
  ['GET', WAIT_MS.read],
  ['POST', WAIT_MS.write],
])('a %s without an answer ends after its time, and not before', async (method, wait) => {
  vi.useFakeTimers()
  silentServer()
  const ended = vi.fn()
  void fetchInTime(new Request('http://localhost/api', { method })).catch(ended)

  await vi.advanceTimersByTimeAsync(wait - 1)
  expect(ended).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(ended.mock.calls[0]?.[0]).toBeInstanceOf(NoAnswer)
})

test('who leaves the page ends the request, and that is no silence', async () => {
  silentServer()
  const leaving = new AbortController()
  const asked = fetchInTime(new Request('http://localhost/api', { signal: leaving.signal }))
  leaving.abort()
  await expect(asked).rejects.toThrow('aborted')
})
