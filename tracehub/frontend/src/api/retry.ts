import { NoAnswer } from './fetchInTime'
import { ApiError } from './problem'

/** Somebody who looks at a page waits for so long without being told; who may try again only later is told at once. */
const PATIENCE_S = 10

/** An answer such as 404 will be the same a second later; a cut network or a 503 may not. */
export function mayHealByItself(error: Error): boolean {
  if (error instanceof NoAnswer || !navigator.onLine) return false
  if (!(error instanceof ApiError)) return true
  const { problem, retryAfter } = error
  const isOfTheMoment = problem.status >= 500 || (problem.status === 429 && retryAfter !== null)
  return isOfTheMoment && (retryAfter ?? 0) <= PATIENCE_S
}

/** Milliseconds: as long as the answer asks for, and not all at the same moment. */
export function delayBefore(failures: number, error: Error): number {
  const asked = error instanceof ApiError ? error.retryAfter : null
  const seconds = asked ?? 2 ** failures
  return seconds * 1000 * (1 + Math.random() / 4)
}
