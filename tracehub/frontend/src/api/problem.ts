import { NoAnswer } from './fetchInTime'
import type { Problem } from './types'

/** The API answered, and the answer is a problem. */
export class ApiError extends Error {
  constructor(
    readonly problem: Problem,
    /** In how many seconds it may be tried again, where the answer says so. */
    readonly retryAfter: number | null = null,
  ) {
    super(problem.title)
  }
}

/** What openapi-fetch returns: the data of a 2xx answer, or the body of any other. */
type Answer<Data> = { data?: Data; error?: unknown; response: Response }

export async function dataOf<Data>(call: Promise<Answer<Data>>): Promise<Data> {
  const { data, error, response } = await call
  if (response.ok) return data as Data
  const problem = isProblem(error) ? error : unexplained(response)
  throw new ApiError(problem, secondsUntil(response.headers.get('Retry-After')))
}

type Explanation = { title: string; advice?: string; requestId?: string | null }

/** What went wrong, for people. */
export function explain(error: Error): Explanation {
  if (!navigator.onLine && !(error instanceof ApiError)) {
    return { title: 'You are offline', advice: 'Please try again when you are connected.' }
  }
  if (error instanceof NoAnswer) {
    return {
      title: 'TraceHub did not answer in time',
      advice: 'It may be busy, or your connection slow. Please try again.',
    }
  }
  if (!(error instanceof ApiError)) {
    return {
      title: 'TraceHub cannot be reached',
      advice: 'Please check your connection and try again.',
    }
  }
  const { title, detail, request_id } = error.problem
  return {
    title: capitalised(detail || title),
    advice: adviceOn(error),
    requestId: request_id,
  }
}

function adviceOn({ problem: { status, detail }, retryAfter }: ApiError): string | undefined {
  if (status < 500 && status !== 429) return undefined
  const parts = status >= 500 ? ['That is not your mistake.'] : []
  if (!/try again/i.test(detail)) {
    parts.push(`Please try again in ${retryAfter ? inWords(retryAfter) : 'a moment'}.`)
  }
  return parts.join(' ')
}

/** Seconds as people say them, rounded up: '1 minute'. */
export function inWords(seconds: number): string {
  if (seconds < 90) return counted(Math.ceil(seconds), 'second')
  const minutes = Math.ceil(seconds / 60)
  return minutes < 90 ? counted(minutes, 'minute') : counted(Math.ceil(minutes / 60), 'hour')
}

function counted(number: number, of: string): string {
  return number === 1 ? `1 ${of}` : `${number} ${of}s`
}

/** The API speaks in lower case, as for the middle of a sentence. */
export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** What is wrong with each field, by its name, where the API says so. */
export function fieldErrors(error: Error | null): Record<string, string | undefined> {
  const errors = error instanceof ApiError ? (error.problem.errors ?? []) : []
  return Object.fromEntries(errors.map(({ field, message }) => [field, capitalised(message)]))
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'title' in body && 'status' in body
}

/** Something between here and the API answered instead of it: 503 is how the edge says that it is maintenance. */
function unexplained({ status }: Response): Problem {
  const detail =
    status === 503
      ? 'TraceHub is being looked after and will be back soon. Nothing is lost'
      : status === 429
        ? 'that was too often in a short time'
        : `TraceHub could not answer (${status})`
  return { type: 'about:blank', title: 'Something went wrong', status, detail }
}

/** `Retry-After` is a number of seconds or a date. */
function secondsUntil(retryAfter: string | null): number | null {
  if (!retryAfter) return null
  const seconds = /^\d+$/.test(retryAfter)
    ? Number(retryAfter)
    : (Date.parse(retryAfter) - Date.now()) / 1000
  return seconds > 0 ? Math.ceil(seconds) : null
}
