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

/** For people: what went wrong, in a title and perhaps a sentence. */
export function explain(error: Error): Pick<Problem, 'title' | 'detail' | 'request_id'> {
  if (error instanceof ApiError) return error.problem
  return {
    title: 'TraceHub cannot be reached',
    detail: 'Please check your connection and try again.',
  }
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
    detail: `TraceHub answered ${status}. Please try again in a moment.`,
  }
}
