import { Outlet } from '@tanstack/react-router'

import { NavigationFocus } from './NavigationFocus'
import { OfflineNotice } from './OfflineNotice'

/** What every page has, with a log-in or without. */
export function Root() {
  return (
    <>
      <NavigationFocus />
      <OfflineNotice />
      <Outlet />
    </>
  )
}
