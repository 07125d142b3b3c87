import { vi } from 'vitest'

/** Answers by method and path, such as 'GET /api/shipments'. */
type Answers = Record<string, (request: Request) => Response | Promise<Response>>

/** Stands in for the network: what has no answer here fails as a cut connection does. Returns what was asked. */
export function fakeApi(answers: Answers): Request[] {
  const asked: Request[] = []
  vi.stubGlobal('fetch', async (request: Request) => {
    asked.push(request.clone())
    const answer = answers[`${request.method} ${new URL(request.url).pathname}`]
    if (!answer) throw new TypeError('Failed to fetch')
    return answer(request)
  })
  return asked
}

export function json(body: unknown, status = 200): Response {
  return Response.json(body, { status })
}

export function problem(status: number, title: string, more: object = {}): Response {
  return new Response(JSON.stringify({ type: 'about:blank', title, status, ...more }), {
    status,
    headers: { 'Content-Type': 'application/problem+json' },
  })
}
