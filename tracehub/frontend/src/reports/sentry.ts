import {
  BrowserClient,
  defaultStackParser,
  linkedErrorsIntegration,
  makeFetchTransport,
  Scope,
  type Event,
} from '@sentry/browser'

import { page, tagsOf, TUNNEL, type About } from './report'

/**
 * Only what turns an error into a report. None of the integrations that watch clicks, addresses and requests: nothing of
 * what somebody does is gathered. The address is nobody's: our own site puts in the real one.
 */
const client = new BrowserClient({
  dsn: 'https://page@tracehub.invalid/1',
  tunnel: TUNNEL,
  transport: makeFetchTransport,
  stackParser: defaultStackParser,
  integrations: [linkedErrorsIntegration()],
  sendClientReports: false,
})
client.init()

export function send(error: unknown, about: About) {
  const scope = new Scope()
  scope.setClient(client)
  scope.setTags(tagsOf(about))
  scope.addEventProcessor(async (event) => ({
    ...event,
    release: page.release || undefined,
    debug_meta: { images: await scriptsOf(event) },
  }))
  scope.captureException(error)
}

/** The scripts of a trace, each with the id in its last line: by that, and not by its name, its source map is found. */
async function scriptsOf({ exception }: Event) {
  const frames = exception?.values?.flatMap(({ stacktrace }) => stacktrace?.frames ?? []) ?? []
  const files = new Set(frames.map(({ filename = '' }) => filename))
  const own = [...files].filter((file) => file.startsWith(`${window.location.origin}/assets/`))
  const scripts = await Promise.all(own.map(scriptAt))
  return scripts.filter((script) => script !== undefined)
}

/** How long a report waits for its scripts: it is worth more without their ids than not at all. */
const READ_TIMEOUT = 2_000

/** It is in the browser's cache, since it ran. */
async function scriptAt(file: string) {
  const signal = AbortSignal.timeout(READ_TIMEOUT)
  const text = await fetch(file, { cache: 'force-cache', signal })
    .then((answer) => answer.text())
    .catch(() => '')
  const id = /\n\/\/# debugId=([0-9a-f-]{36})\s*$/.exec(text)?.[1]
  return id === undefined
    ? undefined
    : { type: 'sourcemap' as const, code_file: file, debug_id: id }
}
