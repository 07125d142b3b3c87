import { plural, t } from '@lingui/core/macro'

import { NoAnswer } from './fetchInTime'
import { report } from '../reports/report'
import { fieldRefusal, refusal } from './refusals'
import type { Problem } from './types'

/** The API answered, and the answer is a problem. */
export class ApiError extends Error {
  constructor(
    readonly problem: Problem,
    /** In how many seconds it may be tried again, where the answer says so. */
    readonly retryAfter: number | null = null,
  ) {
    super(problem.title || `the API answered ${problem.status}`)
  }
}

/** What openapi-fetch returns: the data of a 2xx answer, or the body of any other. */
type Answer<Data> = { data?: Data; error?: unknown; response: Response }

export async function dataOf<Data>(call: Promise<Answer<Data>>): Promise<Data> {
  const { data, error, response } = await call
  if (response.ok) return data as Data
  const problem = isProblem(error) ? error : unexplained(response)
  // What the edge answers instead of the API, such as that it is maintenance, is no error of the API.
  if (problem === error && response.status >= 500) {
    const words = `${new URL(response.url, window.location.origin).pathname} answered ${response.status}`
    report(new Error(words), { kind: 'api', requestId: problem.request_id })
  }
  throw new ApiError(problem, secondsUntil(response.headers.get('Retry-After')))
}

type Explanation = { title: string; advice?: string; requestId?: string | null }

/** What went wrong, for people. */
export function explain(error: Error): Explanation {
  if (!navigator.onLine && !(error instanceof ApiError)) {
    return { title: t`You are offline`, advice: t`Please try again when you are connected.` }
  }
  if (error instanceof NoAnswer) {
    return {
      title: t`TraceHub did not answer in time`,
      advice: t`It may be busy, or your connection slow. Please try again.`,
    }
  }
  if (!(error instanceof ApiError)) {
    return {
      title: t`TraceHub cannot be reached`,
      advice: t`Please check your connection and try again.`,
    }
  }
  const title = refusal(error.problem)
  return { title, advice: adviceOn(error, title), requestId: error.problem.request_id }
}

function adviceOn(
  { problem: { status }, retryAfter }: ApiError,
  title: string,
): string | undefined {
  if (status < 500 && status !== 429) return undefined
  const parts = status >= 500 ? [t`That is not your mistake.`] : []
  // A sentence of the API's own may have said it.
  if (!/try again/i.test(title)) {
    const when = retryAfter ? inWords(retryAfter) : t`in a moment`
    parts.push(t`Please try again ${when}.`)
  }
  return parts.join(' ')
}

/** Seconds as people say them, rounded up: 'in 1 minute'. */
export function inWords(seconds: number): string {
  if (seconds < 90) {
    return plural(Math.ceil(seconds), { one: 'in # second', other: 'in # seconds' })
  }
  const minutes = Math.ceil(seconds / 60)
  return minutes < 90
    ? plural(minutes, { one: 'in # minute', other: 'in # minutes' })
    : plural(Math.ceil(minutes / 60), { one: 'in # hour', other: 'in # hours' })
}

/** What is wrong with each field, by its name, where the API says so. */
export function fieldErrors(error: Error | null): Record<string, string | undefined> {
  const errors = error instanceof ApiError ? (error.problem.errors ?? []) : []
  return Object.fromEntries(errors.map((error) => [error.field, fieldRefusal(error)]))
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'title' in body && 'status' in body
}

/** Something between here and the API answered instead of it: 503 is how the edge says that it is maintenance. */
function unexplained({ status }: Response): Problem {
  return { type: 'about:blank', title: '', status, detail: '' }
}

/** `Retry-After` is a number of seconds or a date. */
function secondsUntil(retryAfter: string | null): number | null {
  if (!retryAfter) return null
  const seconds = /^\d+$/.test(retryAfter)
    ? Number(retryAfter)
    : (Date.parse(retryAfter) - Date.now()) / 1000
  return seconds > 0 ? Math.ceil(seconds) : null
}
