import { onCLS, onINP, onLCP, type Metric } from 'web-vitals'

import { page, TUNNEL } from './report'

/** Ids have their place in an address, and are nobody's business here. */
const ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g

/** Tells how soon this page was there, how soon it answered and how much it moved, when it is left. */
export function watchVitals() {
  const route = window.location.pathname.replace(ID, '$id')
  const measured: Partial<Record<Metric['name'], number>> = {}
  const note = ({ name, value }: Metric) => {
    measured[name] = value
  }
  onLCP(note)
  onINP(note)
  onCLS(note)
  // Behind the library's own listeners: what it has to say last is noted by then.
  window.addEventListener(
    'visibilitychange',
    function tell() {
      if (document.visibilityState !== 'hidden') return
      window.removeEventListener('visibilitychange', tell, true)
      const vitals = { route, release: page.release || undefined, measured }
      const body = ['{}', '{"type":"vitals"}', JSON.stringify(vitals)].join('\n')
      navigator.sendBeacon(TUNNEL, body)
    },
    true,
  )
}
