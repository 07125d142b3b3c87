import { Button } from '@mantine/core'

import { Look } from '../Look'
import { Notice } from './Notice'

/** Without its configuration the app doesn't know where it is, so it doesn't start. */
export function CannotStart() {
  return (
    <Look>
      <Notice
        title="TraceHub could not start"
        action={<Button onClick={() => window.location.reload()}>Try again</Button>}
      >
        It did not get its settings. Please try again in a moment.
      </Notice>
    </Look>
  )
}
