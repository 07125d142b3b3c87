/** Until when an answer must be here, whole. What changes something may have to wait for its turn. */
export const WAIT_MS = { read: 15_000, write: 30_000 }

/** Nothing was heard of the server for as long as we wait. */
export class NoAnswer extends Error {
  constructor() {
    super('no answer in time')
  }
}

/** `fetch`, which without an answer ends with `NoAnswer`. */
export async function fetchInTime(request: Request): Promise<Response> {
  const wait = request.method === 'GET' ? WAIT_MS.read : WAIT_MS.write
  const end = new AbortController()
  // It goes on over the body, which is read later; to end what has ended already does nothing.
  setTimeout(() => end.abort(new NoAnswer()), wait)
  const signal = AbortSignal.any([request.signal, end.signal])
  try {
    return await fetch(request, { signal })
  } catch (error) {
    // Browsers differ in what an ended request throws.
    throw end.signal.aborted ? end.signal.reason : error
  }
}
