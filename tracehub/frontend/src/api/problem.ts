import type { Problem } from './types'

/** The API answered, and the answer is a problem. */
export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title)
  }
}

/** What openapi-fetch returns: the data of a 2xx answer, or the body of any other. */
type Answer<Data> = { data?: Data; error?: unknown; response: Response }

export async function dataOf<Data>(call: Promise<Answer<Data>>): Promise<Data> {
  const { data, error, response } = await call
  if (!response.ok) throw new ApiError(isProblem(error) ? error : unexplained(response))
  return data as Data
}

type Explanation = { title: string; advice?: string; requestId?: string | null }

/** What went wrong, for people. */
export function explain(error: Error): Explanation {
  if (!(error instanceof ApiError)) {
    return {
      title: 'TraceHub cannot be reached',
      advice: 'Please check your connection and try again.',
    }
  }
  const { status, title, detail, request_id } = error.problem
  return {
    title: capitalised(detail || title),
    advice: status >= 500 ? 'That is not your mistake. Please try again in a moment.' : undefined,
    requestId: request_id,
  }
}

/** The API speaks in lower case, as for the middle of a sentence. */
export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'title' in body && 'status' in body
}

/** Something between here and the API answered instead of it. */
function unexplained({ status }: Response): Problem {
  return {
    type: 'about:blank',
    title: 'Something went wrong',
    status,
    detail: `TraceHub answered ${status}`,
  }
}
