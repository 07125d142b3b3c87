import { forget, names, recall, remember } from '../storage'

/** What somebody has typed into a form and not sent yet, and what was in it before. */
export type Draft<Values> = { values: Values; base: Values; typedAt: string; sending?: Sending }

/** What was sent last, and under which key: the same once more is the same request, not a second one. */
type Sending = { body: string; key: string }

const PREFIX = 'tracehub.draft.'
/** Whoever has not come back by then will not. */
const KEPT_FOR_MS = 14 * 24 * 60 * 60 * 1000

/**
 * Drafts lie in this browser, a person's under their id: whoever logs in after them on the same computer is not shown
 * them. They outlive the log-in, since one that expires must lose nothing, and end when they are sent, thrown away, or
 * two weeks old.
 */
export function draftOf<Values extends Record<string, string>>(
  user: string,
  form: string,
  empty: Values,
) {
  const key = `${PREFIX}${user}.${form}`
  const read = () => asDraft(recall('localStorage', key), empty)
  function write(values: Values, found: Draft<Values> | null, sending?: Sending) {
    const draft: Draft<Values> = {
      values,
      base: found?.base ?? empty,
      typedAt: new Date().toISOString(),
      sending,
    }
    remember('localStorage', key, JSON.stringify(draft))
  }

  return {
    read,

    /** What is empty again is no draft. */
    keep: (values: Values) => {
      const isEmpty = Object.keys(empty).every((field) => values[field] === empty[field])
      if (isEmpty) return forget('localStorage', key)
      const found = read()
      write(values, found, found?.sending)
    },

    /** The key of a request with this body: also after a reload the one under which it was sent first. */
    sendingKey: (values: Values, body: string): string => {
      const found = read()
      if (found?.sending?.body === body) return found.sending.key
      const key = randomKey()
      write(values, found, { body, key })
      return key
    },

    discard: () => forget('localStorage', key),
  }
}

/** Removes what is too old, of everybody: who typed it may never come back here. */
export function discardOldDrafts() {
  for (const name of names('localStorage')) {
    if (name.startsWith(PREFIX) && !asDraft(recall('localStorage', name), {})) {
      forget('localStorage', name)
    }
  }
}

/** Older releases may have had other fields, and other programs write here, too: what fits is taken. */
function asDraft<Values extends Record<string, string>>(
  text: string | null,
  empty: Values,
): Draft<Values> | null {
  try {
    const { values, base, typedAt, sending } = JSON.parse(text ?? '') as Draft<
      Record<string, unknown>
    >
    if (!(Date.parse(typedAt) > Date.now() - KEPT_FOR_MS)) return null
    return { values: fitting(values, empty), base: fitting(base ?? {}, empty), typedAt, sending }
  } catch {
    return null
  }
}

function fitting<Values extends Record<string, string>>(
  found: Record<string, unknown>,
  empty: Values,
): Values {
  const fields = Object.entries(empty).map(([field, nothing]) => {
    const value = found[field]
    return [field, typeof value === 'string' ? value : nothing]
  })
  return Object.fromEntries(fields) as Values
}

/** `crypto.randomUUID` exists over HTTPS only; a company's own network may have none. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
