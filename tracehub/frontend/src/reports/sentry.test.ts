import { afterEach, expect, test, vi } from 'vitest'

const SCRIPT = `${window.location.origin}/assets/a.js`
const ID = '0197f3b0-7c1d-7000-8000-000000000001'
const LINES = `console.log(1)\n//# debugId=${ID}\n`

type Report = { debug_meta: { images: object[] } }
const reports: Report[] = []
let script: (signal?: AbortSignal | null) => Promise<unknown>

const answer = (url: string, { body, signal }: RequestInit = {}) => {
  if (url === SCRIPT) return script(signal)
  reports.push(JSON.parse((body as string).split('\n')[2]!) as Report)
  return Promise.resolve(new Response(null, { status: 204 }))
}
// Sentry's library keeps the one that is there when it is loaded.
vi.stubGlobal('fetch', answer)
const { send } = await import('./sentry')

afterEach(() => vi.restoreAllMocks())

/** An error in a script that comes so, and the report that leaves. */
async function reportedWhen(comes: typeof script) {
  script = comes
  vi.stubGlobal('fetch', answer)
  const before = reports.length
  const error = new Error(`the ${before}th`)
  error.stack = `Error: ${error.message}\n    at work (${SCRIPT}:1:7)`
  send(error, { kind: 'uncaught' })
  await vi.waitFor(() => expect(reports).toHaveLength(before + 1))
  return reports[before]!
}

test('a report has the ids of its scripts', async () => {
  const { debug_meta } = await reportedWhen(() => Promise.resolve(new Response(LINES)))
  expect(debug_meta.images).toEqual([{ type: 'sourcemap', code_file: SCRIPT, debug_id: ID }])
})

test('a script that does not come, breaks off or never ends is no reason to lose a report', async () => {
  const never = (signal?: AbortSignal | null) =>
    new Promise((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error))
    })
  const soon = new AbortController()
  vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => soon.signal)
  const rejects = () => Promise.reject(new TypeError('gone'))
  for (const script of [rejects, () => Promise.resolve({ text: rejects })]) {
    expect((await reportedWhen(script)).debug_meta.images).toEqual([])
  }
  const waits = reportedWhen(never)
  soon.abort()
  expect((await waits).debug_meta.images).toEqual([])
})
