import { MantineProvider } from '@mantine/core'
import type { ReactNode } from 'react'

import { palette } from './palette'
import { theme } from './theme'

/** How everything looks; light or dark as the system has it. */
export function Look({ children }: { children: ReactNode }) {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={palette} defaultColorScheme="auto">
      {children}
    </MantineProvider>
  )
}
