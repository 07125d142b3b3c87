/** What went wrong, and at which request. */
export type About = { kind: 'rendering' | 'script' | 'api' | 'uncaught'; requestId?: string | null }

/** What is known of the page that reports. */
export const page = { release: '' }

/** A page that fails on and on says so a few times. */
const MOST = 5
const told = new Set<string>()

/**
 * Tells us of an error, without waiting for it. What tells it well is fetched now: a page on which nothing fails has
 * not paid for it.
 */
export function report(error: unknown, about: About) {
  const message = String(error)
  if (told.size >= MOST || told.has(message)) return
  told.add(message)
  import('./sentry').then(
    ({ send }) => send(error, about),
    // When one script is gone, others may be.
    () => sendBare(message, about),
  )
}

/** Errors that nobody caught, of our own scripts: those of extensions and of the browser are not ours to mend. */
export function reportUncaught() {
  const tell = (error: unknown) => {
    const isOurs = error instanceof Error && error.stack?.includes(window.location.origin)
    if (isOurs) report(error, { kind: 'uncaught' })
  }
  window.addEventListener('error', ({ error }) => tell(error))
  window.addEventListener('unhandledrejection', ({ reason }) => tell(reason))
}

/** Of how many visits it is told how fast they were. */
const MEASURED = 0.1

/** What measures comes when the page is there: it knows what was before it. */
export function measureSome() {
  if (Math.random() >= MEASURED) return
  window.addEventListener('load', () => {
    import('./vitals').then(
      ({ watchVitals }) => watchVitals(),
      () => {},
    )
  })
}

/** Where reports go: our own site, which knows to whom. */
export const TUNNEL = '/api/telemetry'

export function tagsOf({ kind, requestId }: About) {
  return {
    kind,
    language: document.documentElement.lang,
    ...(requestId ? { request_id: requestId } : {}),
  }
}

function sendBare(message: string, about: About) {
  const event = { message, level: 'error', release: page.release || undefined, tags: tagsOf(about) }
  const body = ['{}', '{"type":"event"}', JSON.stringify(event)].join('\n')
  // It outlives the page: whoever sees an error leaves.
  fetch(TUNNEL, { method: 'POST', body, keepalive: true }).catch(() => {})
}
