import { t } from '@lingui/core/macro'
import type { DetailedError, Upload } from 'tus-js-client'
import { useCallback, useEffect, useRef, useState } from 'react'

import { bearer } from '../api/client'
import { useNewPapers } from '../api/papers'
import { fieldRefusal, refusal } from '../api/refusals'
import type { PaperKind, Problem } from '../api/types'
import { credentials } from '../auth/credentials'

/** What is said of a file that is brought. */
export type About = { kind: PaperKind; number: string; expiresOn: string; paper?: string }

/** A file on its way. */
export type Coming = {
  key: number
  name: string
  /** From 0 to 100. */
  done: number
  /** Why it stands still, when it does. */
  error: string | null
  retry: () => void
  cancel: () => void
}

/** The server takes twice as much; a slow line has sent this much before anybody loses patience. */
const PART = 256 * 1024
/** A line that is gone for longer than these together wants somebody to say when it is back. */
const RETRY_MS = [500, 1000, 2000, 4000, 8000, 15_000, 30_000, 60_000]

let keys = 0

/** Files on their way to a shipment. They go on while its page is open; chosen again later, they go on where they were cut. */
export function useUploads(shipmentId: string) {
  const [coming, setComing] = useState<Coming[]>([])
  const refresh = useNewPapers(shipmentId)
  const running = useRef(new Map<number, Upload>())

  useEffect(() => {
    const uploads = running.current
    return () => uploads.forEach((upload) => void upload.abort())
  }, [])

  const change = useCallback((key: number, to: Partial<Coming>) => {
    setComing((all) => all.map((one) => (one.key === key ? { ...one, ...to } : one)))
  }, [])

  const forget = useCallback((key: number) => {
    running.current.delete(key)
    setComing((all) => all.filter((one) => one.key !== key))
  }, [])

  async function bring(file: File, about: About) {
    const key = (keys += 1)
    const start = async () => {
      change(key, { error: null })
      // A browser that never brings a file need not have this.
      const { Upload } = await import('tus-js-client')
      const upload = new Upload(file, {
        endpoint: `${window.location.origin}/api/shipments/${shipmentId}/papers`,
        chunkSize: PART,
        retryDelays: RETRY_MS,
        removeFingerprintOnSuccess: true,
        fingerprint: () => Promise.resolve(fingerprint(shipmentId, file, about)),
        metadata: metadata(file, about),
        onBeforeRequest: (request) => {
          const login = credentials.current()
          if (login?.token) request.setHeader('Authorization', bearer(login.token))
        },
        onProgress: (sent, whole) => change(key, { done: Math.round((100 * sent) / whole) }),
        onSuccess: () => {
          forget(key)
          void refresh()
        },
        onError: (error) => change(key, { error: wordsOf(error) }),
      })
      running.current.set(key, upload)
      const [before] = await upload.findPreviousUploads()
      if (before) upload.resumeFromPreviousUpload(before)
      upload.start()
    }
    const cancel = () => {
      // Told to the server, too: what has arrived is of no use any more.
      void running.current
        .get(key)
        ?.abort(true)
        .catch(() => undefined)
      forget(key)
    }
    setComing((all) => [
      ...all,
      { key, name: file.name, done: 0, error: null, retry: () => void start(), cancel },
    ])
    await start()
  }

  return { coming, bring }
}

function metadata(file: File, { kind, number, expiresOn, paper }: About): Record<string, string> {
  const given = { kind, filename: file.name, filetype: file.type, number, expires_on: expiresOn }
  return Object.fromEntries(
    Object.entries({ ...given, paper: paper ?? '' }).filter(([, value]) => value),
  )
}

/** The same file, brought again as the same paper, is the same upload. */
function fingerprint(shipmentId: string, file: File, about: About): string {
  const { name, size, lastModified } = file
  return ['paper', shipmentId, name, size, lastModified, ...Object.values(about)].join(' ')
}

/** What the server says, or that there is none. */
function wordsOf(error: Error | DetailedError): string {
  const answer = 'originalResponse' in error ? error.originalResponse?.getBody() : undefined
  if (!answer) return t`The connection was lost. What has arrived is kept.`
  try {
    const problem = JSON.parse(answer) as Problem
    const [field] = problem.errors ?? []
    return field ? fieldRefusal(field) : refusal(problem)
  } catch {
    return t`TraceHub could not take the file.`
  }
}
