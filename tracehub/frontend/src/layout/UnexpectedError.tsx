import { Button } from '@mantine/core'

import { Notice } from './Notice'

/** A mistake of ours while drawing a page. */
export function UnexpectedError() {
  return (
    <Notice
      title="This page could not be shown"
      action={<Button onClick={() => window.location.reload()}>Load it again</Button>}
    >
      That is our mistake, not yours. Nothing that you saved is lost.
    </Notice>
  )
}
