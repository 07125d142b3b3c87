import {
  BrowserClient,
  defaultStackParser,
  linkedErrorsIntegration,
  makeFetchTransport,
  Scope,
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
  scope.addEventProcessor((event) => ({ ...event, release: page.release || undefined }))
  scope.captureException(error)
}
