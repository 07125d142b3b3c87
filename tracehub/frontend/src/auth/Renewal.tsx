import { lazy, Suspense, useEffect, useState } from 'react'

import { credentials, useLogin } from './credentials'

/** So long before the end it is said, and can be put off. */
const WARNING_MS = 5 * 60 * 1000
/** How often it is looked at what is left, once it is said. */
const STEP_MS = 10 * 1000
/** A longer timer than this ends at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

const RenewalForm = lazy(() => import('./RenewalForm'))

/** Ends the log-in when its time has come; before that, offers to stay. */
export function Renewal() {
  const login = useLogin()
  const left = useTimeLeft(login?.expires_at)
  if (!login || left === null || left > WARNING_MS) return null
  return (
    <Suspense>
      <RenewalForm email={login.user.email} minutes={Math.ceil(left / 60_000)} />
    </Suspense>
  )
}

/** Milliseconds until a log-in ends; at zero it is dropped. */
function useTimeLeft(end: string | undefined): number | null {
  const [left, setLeft] = useState<number | null>(null)

  useEffect(() => {
    if (!end) return
    let timer: ReturnType<typeof setTimeout>
    function look() {
      clearTimeout(timer)
      const left = Date.parse(end!) - Date.now()
      if (left <= 0) return credentials.drop('expired')
      setLeft(left)
      const next = left > WARNING_MS ? left - WARNING_MS : Math.min(left, STEP_MS)
      timer = setTimeout(look, Math.min(next, LONGEST_TIMER_MS))
    }
    look()
    // A computer that slept wakes with its timers late.
    document.addEventListener('visibilitychange', look)
    return () => {
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }, [end])

  return left
}
