import { Trans } from '@lingui/react/macro'
import { Text } from '@mantine/core'
import { useSyncExternalStore } from 'react'

import classes from './OfflineNotice.module.css'

/** While there is no connection; its place is always there, so that screen readers hear when it says something. */
export function OfflineNotice() {
  const isOnline = useSyncExternalStore(subscribe, () => navigator.onLine)
  return (
    <div role="status" className={classes.place}>
      {!isOnline && (
        <Text size="sm" className={classes.notice}>
          <Trans>
            You are offline. What you type is kept in this browser; send it when you are connected
            again.
          </Trans>
        </Text>
      )}
    </div>
  )
}

function subscribe(listener: () => void) {
  window.addEventListener('online', listener)
  window.addEventListener('offline', listener)
  return () => {
    window.removeEventListener('online', listener)
    window.removeEventListener('offline', listener)
  }
}
