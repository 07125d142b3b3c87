import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'

import { Frame } from './Frame'
import { Notice } from './Notice'

export function NotFoundPage() {
  return (
    <Frame>
      <title>Page not found · TraceHub</title>
      <Notice
        title="There is no such page"
        action={
          <Button component={Link} to="/shipments">
            Go to your shipments
          </Button>
        }
      >
        The address may be mistyped, or what it led to is gone.
      </Notice>
    </Frame>
  )
}
