import { Outlet } from '@tanstack/react-router'

import { Renewal } from '../auth/Renewal'
import { Frame } from './Frame'

/** The frame around every page of somebody who is logged in. */
export function Shell() {
  return (
    <Frame>
      <Renewal />
      <Outlet />
    </Frame>
  )
}
